// How a control stream begins, from its first byte to the keys that seal all others: Noise XX under the mesh's secret. Pure.
//
// Who dials speaks first, so that a stranger who only opens a connection learns nothing at all.
//
//   state      event                            next      what is done
//   (none)     opened, we dialled               calling   say preamble, knock and message 1
//   (none)     opened, we accepted              called    nothing
//   called     preamble, knock, key id accepted called    say preamble, and knock with the same key id
//   called     knock with another key id        (over)    say preamble and refuse; refused: another secret
//   called     message 1, its stamp right       introduced  introduced: is it to be answered at once?
//   introduced judged: yes                      answered  say message 2
//   introduced judged: no                       challenged  say a challenge
//   challenged proof, right                     answered  say message 2
//   calling    preamble, knock with our key id  calling   nothing
//   calling    challenge, the first             calling   say a proof
//   calling    message 2                        (over)    say message 3; sealed
//   answered   message 3                        (over)    sealed
//   any        no version in common             (over)    say preamble, if we have not; refused
//   any        refuse                           (over)    refused, as it says
//   any        a message that is not genuine    (over)    refused: another secret, or somebody meddled
//   any        a frame out of turn, too much    (over)    refused
//
// What is said in clear by either side is in Noise's prologue, as is a key from the secret: a message 2 or 3 is genuine only if
// both sides saw the same versions, capabilities and key ids, and have the same secret. The keys of the records come from Noise's,
// the secret and the hash of the whole handshake. Between messages a side keeps its ephemeral key and does its part again, so
// there is no live Noise state that a stranger could make us hold. Nor is anything computed on the curve for who has not the
// secret: that stamps message 1. One that was recorded is answered while few are; else only with a proof that it was not.
import type { KeyPair } from '../session/noise-xx.js';
import { joined } from '../wire/bytes.js';
import { decodeRefuse, encodeRefuse } from '../wire/hello.js';
import { decodeKnock, encodeKnock } from '../wire/knock.js';
import {
  commonVersion,
  decodeFrame,
  decodePreamble,
  encodeFrame,
  encodePreamble,
  FRAME_HEADER_BYTES,
  FrameType,
  PREAMBLE_BYTES,
  STREAM_VERSION,
  type Frame,
} from '../wire/stream.js';
import { isProof, proofOf, STAMP_BYTES, stamped, unstamped } from './first-message.js';
import { MAX_OPENING_BYTES, MAX_OPENING_FRAME_BYTES } from './limits.js';
import { keysNamed } from './keyring.js';
import { OPEN_KEY_ID, type MeshKeys } from './mesh-keys.js';
import { accept, answer, finish, initiate, prologueOf, type Clear, type StreamKeys } from './noise-messages.js';
import type { Trust } from './trust.js';

/** `ephemeral` serves this one handshake. `theirs`: what the other side said in clear. */
export type Handshake =
  | (Heard & { readonly kind: 'calling'; readonly ephemeral: KeyPair; readonly hasProved: boolean })
  | (Heard & { readonly kind: 'called' })
  | (Heard & { readonly kind: 'introduced'; readonly initiated: Uint8Array })
  | (Heard & { readonly kind: 'challenged'; readonly initiated: Uint8Array; readonly challenge: Uint8Array })
  | (Heard & { readonly kind: 'answered'; readonly ephemeral: KeyPair; readonly initiated: Uint8Array })
  | { readonly kind: 'over' };

type Live = Exclude<Handshake, { kind: 'over' }>;

interface Heard {
  /** Came, and is not a whole frame yet. */
  readonly held: Uint8Array;
  /** In all. */
  readonly heardBytes: number;
  readonly preamble: Uint8Array | undefined;
  readonly knock: Uint8Array | undefined;
  /** Those that it is under: ours, or of a secret that who dialled has and we accept. Undefined until its knock says so. */
  readonly keys: MeshKeys | undefined;
}

export type HandshakeEvent =
  | { readonly kind: 'opened'; readonly dialled: boolean }
  | { readonly kind: 'received'; readonly bytes: Uint8Array }
  /** After `introduced`. `welcome`: it may cost us a computation, even if it was recorded. */
  | { readonly kind: 'judged'; readonly welcome: boolean };

/** `secret`: theirs is another. `former`: one of the two is a former secret of the mesh. `forged`: the same key id and yet not the same secret, or damage, or an attack. */
export type HandshakeRefusal = 'secret' | 'former' | 'forged' | 'not-mesh' | 'version' | 'failed';

export type HandshakeFx =
  | { readonly kind: 'say'; readonly bytes: Uint8Array }
  /** It has the secret, or somebody recorded who has: to be judged. Nothing more is read before. */
  | { readonly kind: 'introduced' }
  /** `keyId`: of the secret that it is under. `rest`: what came behind the handshake, the first records. */
  | (StreamKeys & { readonly kind: 'sealed'; readonly keyId: string; readonly rest: Uint8Array })
  /** `drop`: by what it is counted. */
  | { readonly kind: 'refused'; readonly why: HandshakeRefusal; readonly reason: string; readonly drop: string };

type Step = readonly [Handshake, readonly HandshakeFx[]];

const OVER: Handshake = { kind: 'over' };
const NOTHING = new Uint8Array(0);
const UNHEARD: Heard = { held: NOTHING, heardBytes: 0, preamble: undefined, knock: undefined, keys: undefined };

/** Before `opened`. */
export const NEW_HANDSHAKE: Handshake = OVER;

export function stepHandshake(h: Handshake, ev: HandshakeEvent, me: Trust): Step {
  if (ev.kind === 'opened') return ev.dialled ? call(me) : [{ ...UNHEARD, kind: 'called' }, []];
  if (h.kind === 'over') return [OVER, []];
  if (ev.kind === 'judged') return h.kind === 'introduced' ? judged(h, ev.welcome, me) : [h, []];
  const heardBytes = h.heardBytes + ev.bytes.length;
  return read({ ...h, heardBytes, held: joined(h.held, ev.bytes) }, me, []);
}

function call(me: Trust): Step {
  const ephemeral = me.crypto.noise.keyPair(me.entropy(32));
  const first = stamped(me.keys, clear(me), initiate(me, ephemeral));
  const call = say(encodePreamble(), knockOf(me), noiseFrame(first));
  return [{ ...UNHEARD, kind: 'calling', keys: me.keys, ephemeral, hasProved: false }, [call]];
}

/** Takes what has come piece by piece, until something is missing or all is over. */
function read(h: Live, me: Trust, said: readonly HandshakeFx[]): Step {
  if (h.kind === 'introduced') return tooMuch(h) ?? [h, said];
  const [next, fx] = h.preamble === undefined ? readPreamble(h) : readFrame(h, h.preamble, me);
  const all = [...said, ...fx];
  if (next === h || next.kind === 'over') return [next, all];
  return read(next, me, all);
}

function readPreamble(h: Live): Step {
  const preamble = decodePreamble(h.held);
  if (preamble === 'short') return tooMuch(h) ?? [h, []];
  if (preamble === 'not-mesh') return refuse('not-mesh', 'what answers there is not a mesh router', 'stream-not-mesh');
  if (commonVersion(preamble) === undefined) {
    const ours = h.kind === 'called' ? [say(encodePreamble())] : [];
    return [OVER, [...ours, ...refuse('version', versionSentence(preamble.version), 'stream-version')[1]]];
  }
  const [own, rest] = [h.held.slice(0, PREAMBLE_BYTES), h.held.subarray(PREAMBLE_BYTES)];
  return [{ ...h, preamble: own, held: rest }, []];
}

function readFrame(h: Live, preamble: Uint8Array, me: Trust): Step {
  const frame = decodeFrame(h.held, MAX_OPENING_FRAME_BYTES);
  if (frame === 'oversize')
    return refuse('failed', "it broke the control stream's format (oversize)", 'stream-oversize');
  if (frame === 'short') return tooMuch(h) ?? [h, []];
  const rest = h.held.subarray(FRAME_HEADER_BYTES + frame.body.length);
  if (frame.type === FrameType.refuse) return refused(frame.body);
  if (h.knock === undefined)
    return frame.type === FrameType.knock ? knocked({ ...h, held: rest }, frame.body, me) : outOfTurn();
  if (h.keys === undefined) return outOfTurn();
  return replied({ ...h, held: rest }, { preamble, knock: h.knock }, frame, { ...me, keys: h.keys });
}

/** What comes behind the knocks. @param me with the keys of this handshake */
function replied(h: Live, theirs: Clear, frame: Frame, me: Trust): Step {
  switch (frame.type) {
    case FrameType.noise:
      return message(h, theirs, frame, me);
    case FrameType.challenge:
      return challenged(h, frame.body, me);
    case FrameType.proof:
      return proved(h, theirs, frame.body, me);
    default:
      return outOfTurn();
  }
}

/** Only what is unfinished may be too much: behind the last message there are records. */
const tooMuch = (h: Heard): Step | undefined =>
  h.heardBytes > MAX_OPENING_BYTES
    ? refuse('failed', 'it said too much before its handshake', 'stream-opening')
    : undefined;

const outOfTurn = (): Step => refuse('failed', 'it sent a frame before its handshake', 'frame-before-handshake');

function knocked(h: Live, body: Uint8Array, me: Trust): Step {
  const knock = decodeKnock(body);
  if (knock === 'short') return refuse('failed', 'its knock is malformed (short)', 'knock-short');
  const keys = h.kind === 'called' ? keysNamed(me, knock.keyId) : h.keys;
  if (knock.keyId !== keys?.id) return [OVER, otherSecret(h, knock.keyId, me)];
  const answer = h.kind === 'called' ? [say(encodePreamble(), knockOf({ ...me, keys }))] : [];
  return [{ ...h, keys, knock: body.slice() }, answer];
}

/** Who dialled hears that it is so, and not what our key id is. */
function otherSecret(h: Handshake, theirs: string, me: Trust): readonly HandshakeFx[] {
  const isFormer = me.former.includes(theirs);
  const refusal = encodeRefuse({ code: isFormer ? 'former' : 'secret', sentence: '' });
  const told = h.kind === 'called' ? [say(encodePreamble(), encodeFrame(FrameType.refuse, refusal))] : [];
  if (isFormer) return [...told, ...refuse('former', HAS_FORMER, 'handshake-former')[1]];
  return [...told, ...refuse('secret', secretSentence(theirs, me), 'handshake-secret')[1]];
}

const HAS_FORMER = 'it has a former secret of this mesh: it was away when that was changed';

function secretSentence(theirs: string, me: Trust): string {
  if (theirs === OPEN_KEY_ID) return 'it is open: it has no secret, and this mesh has one';
  return me.keys.id === OPEN_KEY_ID ? 'its mesh has a secret, and this router is open' : 'its mesh has another secret';
}

function refused(body: Uint8Array): Step {
  const refusal = decodeRefuse(body);
  if (typeof refusal === 'string') return refuse('failed', 'refused without a readable reason', 'refuse-malformed');
  if (refusal.code === 'secret') return refuse('secret', 'its mesh has another secret, or none', 'handshake-secret');
  if (refusal.code === 'former') return refuse('former', 'its mesh has changed its secret', 'handshake-former');
  return refuse('failed', refusal.sentence, 'handshake-refused');
}

function message(h: Live, theirs: Clear, { body }: Frame, me: Trust): Step {
  switch (h.kind) {
    case 'called': {
      const initiated = unstamped(me.keys, theirs, body);
      if (initiated === undefined) return forged('handshake-stamp');
      return [{ ...h, kind: 'introduced', initiated }, [{ kind: 'introduced' }]];
    }
    case 'answered': {
      const keys = accept(me, h.ephemeral, prologueOf(me, theirs, clear(me)), h.initiated, body);
      return keys === undefined ? forged() : [OVER, [sealed(h, keys, me)]];
    }
    case 'calling': {
      const done = finish(me, h.ephemeral, prologueOf(me, clear(me), theirs), body);
      if (done === undefined) return forged();
      return [OVER, [say(noiseFrame(done.message)), sealed(h, done.keys, me)]];
    }
    case 'introduced':
    case 'challenged':
      return outOfTurn();
  }
}

const sealed = ({ held: rest }: Heard, keys: StreamKeys, me: Trust): HandshakeFx => ({
  kind: 'sealed',
  keyId: me.keys.id,
  ...keys,
  rest,
});

function judged(h: Live & { kind: 'introduced' }, welcome: boolean, router: Trust): Step {
  const me = { ...router, keys: h.keys! };
  const challenge = me.entropy(STAMP_BYTES);
  const [next, fx]: Step = welcome
    ? answered(h, { preamble: h.preamble!, knock: h.knock! }, h.initiated, me)
    : [{ ...h, kind: 'challenged', challenge }, [say(encodeFrame(FrameType.challenge, challenge))]];
  return next.kind === 'over' ? [next, fx] : read(next, router, fx);
}

/** Once: what it asks for costs us as much as it. */
function challenged(h: Live, body: Uint8Array, me: Trust): Step {
  if (h.kind !== 'calling' || h.hasProved) return outOfTurn();
  const proof = proofOf(me.keys, body, initiate(me, h.ephemeral));
  return [{ ...h, hasProved: true }, [say(encodeFrame(FrameType.proof, proof))]];
}

function proved(h: Live, theirs: Clear, body: Uint8Array, me: Trust): Step {
  if (h.kind !== 'challenged') return outOfTurn();
  return isProof(me.keys, h.challenge, h.initiated, body)
    ? answered(h, theirs, h.initiated, me)
    : forged('handshake-proof');
}

function answered(h: Heard, theirs: Clear, initiated: Uint8Array, me: Trust): Step {
  const ephemeral = me.crypto.noise.keyPair(me.entropy(32));
  const message2 = answer(me, ephemeral, prologueOf(me, theirs, clear(me)), initiated);
  if (message2 === undefined) return forged();
  const { held, heardBytes, preamble, knock, keys } = h;
  const next: Handshake = { kind: 'answered', held, heardBytes, preamble, knock, keys, ephemeral, initiated };
  return [next, [say(noiseFrame(message2))]];
}

const clear = (me: Trust): Clear => ({ preamble: encodePreamble(), knock: ownKnock(me) });
const ownKnock = (me: Trust): Uint8Array => encodeKnock({ keyId: me.keys.id, capabilities: 0 });
const knockOf = (me: Trust): Uint8Array => encodeFrame(FrameType.knock, ownKnock(me));
const noiseFrame = (body: Uint8Array): Uint8Array => encodeFrame(FrameType.noise, body);
const say = (...parts: readonly Uint8Array[]): HandshakeFx => ({ kind: 'say', bytes: joined(...parts) });

const refuse = (why: HandshakeRefusal, reason: string, drop: string): Step => [
  OVER,
  [{ kind: 'refused', why, reason, drop }],
];

const forged = (drop = 'handshake-forged'): Step =>
  refuse('forged', 'its handshake is not genuine: another secret, or somebody meddled', drop);

const versionSentence = (theirs: number): string =>
  `it speaks version ${theirs} of the control stream and this router version ${STREAM_VERSION}: ` +
  `upgrade the ${theirs < STREAM_VERSION ? 'other' : 'local'} mesh`;
