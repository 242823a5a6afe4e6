// The three messages of a control stream's handshake as functions from bytes to bytes: Noise XX with empty payloads.
import { hkdfSync } from 'node:crypto';
import type { KeyPair, NoiseResult, NoiseXx } from '../session/noise-xx.js';
import { joined } from '../wire/bytes.js';
import type { Trust } from './trust.js';

/** What one side said in clear. */
export interface Clear {
  readonly preamble: Uint8Array;
  readonly knock: Uint8Array;
}

export interface StreamKeys {
  /** 32 bytes each. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The same on both sides, and of no other handshake: 64 bytes. */
  readonly hash: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const NAME = new TextEncoder().encode('mesh control');
const KEYS_INFO = 'mesh control keys 1';

/** What both sides said in clear, and a key that is not said. The length of a knock is its own, for a later one may be longer. */
export const prologueOf = (me: Trust, dialler: Clear, other: Clear): Uint8Array =>
  joined(NAME, ...clearOf(dialler), ...clearOf(other), me.keys.control);

export const clearOf = ({ preamble, knock }: Clear): readonly Uint8Array[] => [
  preamble,
  Uint8Array.of(knock.length >> 8, knock.length),
  knock,
];

/** Message 1: a bare key, which owes nothing to the prologue. */
export const initiate = (me: Trust, ephemeral: KeyPair): Uint8Array =>
  within(me, true, ephemeral, NOTHING, (xx) => xx.write(NOTHING));

/** Message 2. @returns undefined if message 1 is not genuine */
export const answer = (
  me: Trust,
  ephemeral: KeyPair,
  prologue: Uint8Array,
  initiated: Uint8Array,
): Uint8Array | undefined => within(me, false, ephemeral, prologue, (xx) => xx.read(initiated) && xx.write(NOTHING));

/** Message 3, and what follows from it. @returns undefined if message 2 is not genuine */
export const finish = (
  me: Trust,
  ephemeral: KeyPair,
  prologue: Uint8Array,
  answered: Uint8Array,
): { readonly message: Uint8Array; readonly keys: StreamKeys } | undefined =>
  within(me, true, ephemeral, prologue, (xx) => {
    xx.write(NOTHING);
    if (xx.read(answered) === undefined) return undefined;
    const message = xx.write(NOTHING);
    return { message, keys: keysOf(xx.result()!, true, me) };
  });

/** What follows from message 3. @returns undefined if it is not genuine */
export const accept = (
  me: Trust,
  ephemeral: KeyPair,
  prologue: Uint8Array,
  initiated: Uint8Array,
  finished: Uint8Array,
): StreamKeys | undefined =>
  within(me, false, ephemeral, prologue, (xx) => {
    if (xx.read(initiated) === undefined) return undefined;
    xx.write(NOTHING);
    return xx.read(finished) && keysOf(xx.result()!, false, me);
  });

/** HKDF-SHA256: the input is Noise's two keys, the dialler's first, and the secret; the salt is the handshake's hash. */
function keysOf(r: NoiseResult, dialled: boolean, me: Trust): StreamKeys {
  const both = dialled ? [r.sendKey, r.receiveKey] : [r.receiveKey, r.sendKey];
  const keys = new Uint8Array(hkdfSync('sha256', joined(...both, me.keys.control), r.hash, KEYS_INFO, 64));
  const [ofDialler, ofOther] = [keys.slice(0, 32), keys.slice(32)];
  const [sendKey, receiveKey] = dialled ? [ofDialler, ofOther] : [ofOther, ofDialler];
  return { sendKey, receiveKey, hash: r.hash };
}

function within<T>(
  me: Trust,
  initiator: boolean,
  ephemeral: KeyPair,
  prologue: Uint8Array,
  use: (xx: NoiseXx) => T,
): T {
  const xx = me.crypto.noise.begin({ initiator, prologue, staticKey: me.staticKey, ephemeral });
  try {
    return use(xx);
  } finally {
    xx.end();
  }
}
