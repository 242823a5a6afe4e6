// An order to change the mesh's secret, with the signature of who wrote it: in his name alone, and as he wrote it.
import type { PeerId } from '../types.js';
import { joined } from '../wire/bytes.js';
import { peerIdOf } from '../wire/peer-id.js';
import { decodeOrder, decodeSigned, encodeOrder, type Order, type RotationDrop } from '../wire/rotation.js';
import type { Signer, Trust } from './trust.js';

/** An order, and in quick reach what is asked of it. */
export interface KnownOrder extends Order {
  readonly by: PeerId;
  readonly isFor: ReadonlySet<PeerId>;
}

const NAME = new TextEncoder().encode('mesh rotation 1');

/** @returns as it travels */
export function signedOrder(signer: Signer, order: Omit<Order, 'author'>): Uint8Array {
  const bytes = encodeOrder({ ...order, author: signer.publicKey });
  return joined(signer.sign(joined(NAME, bytes)), bytes);
}

/** @param signed verified before */
export function knownOrder(signed: Uint8Array): KnownOrder | RotationDrop {
  const parts = decodeSigned(signed);
  const order = parts === 'short' ? parts : decodeOrder(parts.order);
  if (typeof order === 'string') return order;
  return { ...order, by: peerIdOf(order.author), isFor: new Set(order.members) };
}

/** Never throws, whatever the bytes. @returns it, or why it is dropped */
export function verifiedOrder({ crypto }: Trust, signed: Uint8Array): KnownOrder | RotationDrop | 'forged' {
  const [parts, order] = [decodeSigned(signed), knownOrder(signed)];
  if (parts === 'short' || typeof order === 'string') return order;
  return crypto.verify(order.author, joined(NAME, parts.order), parts.signature) ? order : 'forged';
}

/** By which the secret became the mesh's, as far as we were told. */
export function orderOf({ order: signed }: { readonly order: Uint8Array | undefined }): KnownOrder | undefined {
  const order = signed && knownOrder(signed);
  return typeof order === 'string' ? undefined : order;
}
