// The three messages of a handshake as functions from bytes to bytes. Between messages a side keeps the few bytes it needs to
// do its part again, and no live Noise state: nothing locked in memory to give back, and a forged message spoils nothing.
//
// The frames go from router to router, and each of those has the secret. So both sides sign, by the keys that their ids are hashes of,
// what was said in this handshake and the static key that they say it with (Noise, revision 34, §11.2): who relays can neither take
// the place of an end nor join two handshakes.
import type { MeshKeys } from '../trust/mesh-keys.js';
import type { Signer, TrustCrypto } from '../trust/trust.js';
import type { PeerId } from '../types.js';
import { joined } from '../wire/bytes.js';
import { peerIdBytes, peerIdOf } from '../wire/peer-id.js';
import {
  decodeIntroduction,
  encodeIntroduction,
  encodeTerms,
  SESSION_VERSION,
  type Introduction,
  type Terms,
} from '../wire/session.js';
import { KEY_BYTES, type KeyPair, type NoiseXx } from './noise-xx.js';
import { agreeCipher, deriveKeys, isSpoken, type Cipher, type HandshakeKeys } from './session-keys.js';

/** What a router brings to all its handshakes. */
export interface Party {
  readonly crypto: Pick<TrustCrypto, 'noise' | 'verify'>;
  /** X25519, of this launch. */
  readonly staticKey: KeyPair;
  readonly signer: Signer;
}

/** One handshake, as both sides must name it. */
export interface Naming {
  readonly initiator: PeerId;
  readonly responder: PeerId;
  readonly token: Uint8Array;
  /** Of the secret that it is under. */
  readonly keys: MeshKeys;
}

/** What one side adds to a handshake; used for this one alone. */
export interface Part {
  readonly ephemeral: KeyPair;
  readonly terms: Terms;
}

export interface Agreed extends HandshakeKeys {
  readonly theirs: Terms;
  readonly cipher: Cipher;
}

/**
 * `forged`: not from who took part so far, under another secret, or damaged. `identity`: not signed by whom it is said to be from.
 * `terms`: cannot be read. `version`: none that both speak.
 */
export type HandshakeFault = 'forged' | 'identity' | 'terms' | 'version';

/** Message 2, and what is sealed in it: the same key seals nothing else. */
export interface Answer {
  readonly message: Uint8Array;
  readonly introduction: Uint8Array;
}

const NAME = new TextEncoder().encode('mesh session');
const SIGNED_NAME = new TextEncoder().encode('mesh session identity 1');
const EMPTY = new Uint8Array(0);

/** Message 1. Its payload would be readable by all, so it has none. */
export const initiate = (me: Party, naming: Naming, part: Part): Uint8Array =>
  within(me, naming, part, true, (xx) => xx.write(EMPTY));

/** Message 2. @param initiated message 1 */
export const answer = (me: Party, naming: Naming, part: Part, initiated: Uint8Array): Answer | HandshakeFault =>
  within(me, naming, part, false, (xx) => {
    if (xx.read(initiated) === undefined) return 'forged';
    const said = [initiated, part.ephemeral.publicKey];
    const introduction = introduce(me, naming, false, said, part.terms);
    return { message: xx.write(introduction), introduction };
  });

/** Message 3 and what follows. @param answered message 2 */
export const finish = (
  me: Party,
  naming: Naming,
  part: Part,
  answered: Uint8Array,
): { readonly message: Uint8Array; readonly agreed: Agreed } | HandshakeFault =>
  within(me, naming, part, true, (xx) => {
    const initiated = xx.write(EMPTY);
    const payload = xx.read(answered);
    if (payload === undefined) return 'forged';
    const message = xx.write(introduce(me, naming, true, [initiated, answered], part.terms));
    const said = [initiated, answered.subarray(0, KEY_BYTES)];
    const agreed = agree(me, naming, xx, true, said, part.terms, payload);
    return typeof agreed === 'string' ? agreed : { message, agreed };
  });

/** What follows message 3. @param initiated message 1. @param finished message 3 */
export const accept = (
  me: Party,
  naming: Naming,
  part: Part,
  initiated: Uint8Array,
  { introduction, message }: Answer,
  finished: Uint8Array,
): Agreed | HandshakeFault =>
  within(me, naming, part, false, (xx) => {
    if (xx.read(initiated) === undefined) return 'forged';
    xx.write(introduction);
    const payload = xx.read(finished);
    if (payload === undefined) return 'forged';
    return agree(me, naming, xx, false, [initiated, message], part.terms, payload);
  });

/** The version of the protocol, who takes part in which role, which of their handshakes it is, and under which secret. */
const named = ({ initiator, responder, token, keys }: Naming): Uint8Array =>
  joined(
    Uint8Array.of(SESSION_VERSION),
    peerIdBytes(initiator),
    peerIdBytes(responder),
    token,
    Buffer.from(keys.id, 'hex'),
  );

/** The secret itself as well, so that nothing opens under another. */
const prologue = (naming: Naming): Uint8Array => joined(NAME, named(naming), naming.keys.session);

function within<T>(me: Party, naming: Naming, part: Part, initiator: boolean, use: (xx: NoiseXx) => T): T {
  const options = { initiator, prologue: prologue(naming), staticKey: me.staticKey, ephemeral: part.ephemeral };
  const xx = me.crypto.noise.begin(options);
  try {
    return use(xx);
  } finally {
    xx.end();
  }
}

/** @param said by both sides before this, and in this message before what is sealed */
const signedText = (
  naming: Naming,
  byInitiator: boolean,
  said: readonly Uint8Array[],
  staticKey: Uint8Array,
  terms: Terms,
): Uint8Array =>
  joined(SIGNED_NAME, Uint8Array.of(byInitiator ? 1 : 0), named(naming), ...said, staticKey, encodeTerms(terms));

function introduce(
  { signer, staticKey }: Party,
  naming: Naming,
  initiator: boolean,
  said: readonly Uint8Array[],
  terms: Terms,
): Uint8Array {
  const signature = signer.sign(signedText(naming, initiator, said, staticKey.publicKey, terms));
  return encodeIntroduction({ terms, publicKey: signer.publicKey, signature });
}

/** @param said before the other's introduction. @param payload which that is */
function agree(
  me: Party,
  naming: Naming,
  xx: NoiseXx,
  initiator: boolean,
  said: readonly Uint8Array[],
  ours: Terms,
  payload: Uint8Array,
): Agreed | HandshakeFault {
  const theirs = decodeIntroduction(payload);
  if (typeof theirs === 'string') return 'terms';
  const result = xx.result()!;
  const text = signedText(naming, !initiator, said, result.remoteStatic, theirs.terms);
  if (!isOf(me, initiator ? naming.responder : naming.initiator, theirs, text)) return 'identity';
  if (!isSpoken(ours, theirs.terms)) return 'version';
  const keys = deriveKeys(result, initiator, naming.keys.session);
  return { ...keys, theirs: theirs.terms, cipher: agreeCipher(ours, theirs.terms) };
}

const isOf = ({ crypto }: Party, peer: PeerId, { publicKey, signature }: Introduction, text: Uint8Array): boolean =>
  peerIdOf(publicKey) === peer && crypto.verify(publicKey, text, signature);
