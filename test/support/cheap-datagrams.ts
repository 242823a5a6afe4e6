// What seals datagrams without cryptography: it refuses another secret, another launch and a changed byte. It hides nothing.
import { createHash } from 'node:crypto';
import type { DatagramKey } from '../../router/trust/trust.js';
import type { PeerId } from '../../router/types.js';
import { DATAGRAM_TAG_BYTES, HOPS_AT, launchNameAt, sealedPart, type LaunchName } from '../../router/wire/datagram.js';

/** By secret, then by sender and launch: a thousand routers derive the same thousand. */
const datagramKeys = new Map<Uint8Array, Map<string, DatagramKey>>();

export function cheapDatagramKey(secret: Uint8Array, sender: PeerId, launch: Uint8Array): DatagramKey {
  const known = datagramKeys.get(secret) ?? new Map<string, DatagramKey>();
  datagramKeys.set(secret, known);
  const label = sender + Buffer.from(launch).toString('latin1');
  const key = known.get(label) ?? new CheapDatagramKey(secret, label, launch.slice());
  known.set(label, key);
  return key;
}

/** The tag is a sum. */
class CheapDatagramKey implements DatagramKey {
  readonly launch: Uint8Array;
  readonly name: LaunchName;
  readonly #start: number;

  constructor(secret: Uint8Array, label: string, launch: Uint8Array) {
    const derived = createHash('sha256').update(secret).update(label, 'latin1').digest();
    this.launch = launch;
    this.name = launchNameAt(derived, 0);
    this.#start = derived.readUInt32BE(8);
  }

  seal(b: Uint8Array): void {
    new DataView(b.buffer).setInt32(b.length - DATAGRAM_TAG_BYTES, this.#sum(b));
  }

  open(b: Uint8Array): Uint8Array | undefined {
    const sum = new DataView(b.buffer, b.byteOffset).getInt32(b.length - DATAGRAM_TAG_BYTES);
    return sum === this.#sum(b) && isZero(b, b.length - DATAGRAM_TAG_BYTES + 4) ? sealedPart(b) : undefined;
  }

  /** FNV-1a over all that the real tag is over. */
  #sum(b: Uint8Array): number {
    let sum = this.#start | 0;
    const end = b.length - DATAGRAM_TAG_BYTES;
    for (let i = 0; i < end; i++) if (i !== HOPS_AT) sum = Math.imul(sum ^ b[i]!, 0x01000193);
    return sum;
  }
}

function isZero(b: Uint8Array, from: number): boolean {
  for (let i = from; i < b.length; i++) if (b[i] !== 0) return false;
  return true;
}
