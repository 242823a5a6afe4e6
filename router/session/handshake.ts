// The three messages of a handshake as functions from bytes to bytes. Between messages a side keeps the few bytes it needs to
// do its part again, and no live Noise state: nothing locked in memory to give back, and a forged message spoils nothing.
import type { PeerId } from '../types.js';
import { peerIdBytes } from '../wire/peer-id.js';
import { decodeTerms, encodeTerms, SESSION_VERSION, type Terms } from '../wire/session.js';
import type { KeyPair, Noise, NoiseXx } from './noise-xx.js';
import { agreeCipher, deriveKeys, isSpoken, type Cipher, type HandshakeKeys } from './session-keys.js';

/** What a router brings to all its handshakes. */
export interface Party {
  readonly noise: Noise;
  readonly staticKey: KeyPair;
  /** Of the mesh, now. */
  readonly secret: () => Uint8Array;
}

/** One handshake, as both sides must name it. */
export interface Naming {
  readonly initiator: PeerId;
  readonly responder: PeerId;
  readonly token: Uint8Array;
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

/** `forged`: not from who took part so far, or damaged. `terms`: cannot be read. `version`: none that both speak. */
export type HandshakeFault = 'forged' | 'terms' | 'version';

const NAME = new TextEncoder().encode('mesh session');
const EMPTY = new Uint8Array(0);

/** Message 1. Its payload would be readable by all, so it has none. */
export const initiate = (me: Party, naming: Naming, part: Part): Uint8Array =>
  within(me, naming, part, true, (xx) => xx.write(EMPTY));

/** Message 2. @param initiated message 1 */
export const answer = (me: Party, naming: Naming, part: Part, initiated: Uint8Array): Uint8Array | HandshakeFault =>
  within(me, naming, part, false, (xx) =>
    xx.read(initiated) === undefined ? 'forged' : xx.write(encodeTerms(part.terms)),
  );

/** Message 3 and what follows. @param answered message 2 */
export const finish = (
  me: Party,
  naming: Naming,
  part: Part,
  answered: Uint8Array,
): { readonly message: Uint8Array; readonly agreed: Agreed } | HandshakeFault =>
  within(me, naming, part, true, (xx) => {
    xx.write(EMPTY);
    const theirs = readTerms(xx, answered, part.terms);
    if (typeof theirs === 'string') return theirs;
    const message = xx.write(encodeTerms(part.terms));
    return { message, agreed: agree(me, xx, true, part.terms, theirs) };
  });

/** What follows message 3. @param initiated message 1. @param finished message 3 */
export const accept = (
  me: Party,
  naming: Naming,
  part: Part,
  initiated: Uint8Array,
  finished: Uint8Array,
): Agreed | HandshakeFault =>
  within(me, naming, part, false, (xx) => {
    if (xx.read(initiated) === undefined) return 'forged';
    xx.write(encodeTerms(part.terms));
    const theirs = readTerms(xx, finished, part.terms);
    return typeof theirs === 'string' ? theirs : agree(me, xx, false, part.terms, theirs);
  });

/** The version of the protocol, who takes part in which role, and which of their handshakes it is. */
const prologue = ({ initiator, responder, token }: Naming): Uint8Array =>
  Uint8Array.of(...NAME, SESSION_VERSION, ...peerIdBytes(initiator), ...peerIdBytes(responder), ...token);

function within<T>(me: Party, naming: Naming, part: Part, initiator: boolean, use: (xx: NoiseXx) => T): T {
  const options = { initiator, prologue: prologue(naming), staticKey: me.staticKey, ephemeral: part.ephemeral };
  const xx = me.noise.begin(options);
  try {
    return use(xx);
  } finally {
    xx.end();
  }
}

function readTerms(xx: NoiseXx, message: Uint8Array, ours: Terms): Terms | HandshakeFault {
  const payload = xx.read(message);
  if (payload === undefined) return 'forged';
  const theirs = decodeTerms(payload);
  if (typeof theirs === 'string') return 'terms';
  return isSpoken(ours, theirs) ? theirs : 'version';
}

const agree = (me: Party, xx: NoiseXx, initiator: boolean, ours: Terms, theirs: Terms): Agreed => ({
  ...deriveKeys(xx.result()!, initiator, me.secret()),
  theirs,
  cipher: agreeCipher(ours, theirs),
});
