// Control connections: TCP streams between peers, from the first byte to the last. At most one per peer is in use.
//
// Which one, the lower of the two ids decides, since the ends of a stream may hear of its end at different times or never:
// who dials has no connection, so for the lower a new stream always replaces what was. The higher uses the newest as well,
// but keeps the others until the lower closes them or they do not answer: hellos that cross reach the two in unlike order.
//
//   state        event                        next         what is done
//   (none)       opened, we dialled           handshake    as trust/handshake.ts says
//   (none)       opened, we accepted          handshake    nothing; too many of its source, or too fast: closed. Too many in all: the oldest is
//   handshake    sealed                       greeting     send hello, signed, and all else from now on in records
//   handshake    introduced                   handshake    as admission.ts has it: to be answered at once, or only with a proof
//   handshake    refused                      (closed)     refused: another secret, no mesh router, another version …
//   greeting     hello, signature and id right established who dialled: pong; in use, an older one closed (lower id) or asked (higher)
//                                             greeted      who was dialled: wait, for the other may have given up long ago
//   greeted      frame                        established  as above
//   greeting     hello of ourselves           (closed)     refused: own address, or another router has our key
//   greeting     hello of a launch that another    (closed)     refused: a copy of its key; the other is told, and stays
//                of the peer took the place of
//   greeting     hello, id not of its key     (closed)     refused: counted
//   handshake    5 s, 10 s if we dialled      (closed)     refused: no greeting
//   greet…       10 s                         (closed)     refused: no greeting
//   established  frame                        established  hand it to the router
//   established  20 s of silence              established  ping; 5 s without any byte: closed
//   any          closed                       (none)       in use: another takes its place, or tell the router
import type { Ip, Millis, PeerId, SocketAddress } from '../types.js';
import { Deadlines } from '../deadlines.js';
import { CLONE, FAULTS, unfinished } from './sentences.js';
import type { Connection, ConnectionFx, ConnId, RefusalKind } from './connection.js';
import { Admission } from '../trust/admission.js';
import type { SealedStream } from '../trust/holders.js';
import { isOfKey, signHello } from '../trust/greeting.js';
import { Launches } from '../trust/launches.js';
import { dueAt, newStream, type Stream } from './one-stream.js';
import { Saying } from './saying.js';
import type { SecureItem } from '../trust/secure-stream.js';
import type { Trust } from '../trust/trust.js';
import { sameBytes } from '../wire/bytes.js';
import {
  decodeHello,
  decodeRefuse,
  decodeSignedHello,
  encodeRefuse,
  type Hello,
  type RefuseCode,
} from '../wire/hello.js';
import { encodeFrame, FrameType, type Frame } from '../wire/stream.js';

export type { Connection, ConnectionFx, ConnId, RefusalKind };

/** Pings that are due within this go together: each time that the process wakes costs far more than a ping. */
const TOGETHER_MS = 1_000;
const MAX_STREAMS = 4_096; // accepted, beside the few that we dial: more than a mesh of 1,000 needs; a flood of dials must not grow the heap

const NOTHING = new Uint8Array(0);

export class Connections {
  readonly #hello: (dialled: SocketAddress | undefined) => Hello;
  readonly #self: PeerId;
  readonly #trust: (dialled?: ConnId) => Trust;
  readonly #admission: Admission;
  readonly #streams = new Map<ConnId, Stream>();
  /** When to look at each: that is never later than it is due, and put right when it comes first. */
  readonly #deadlines = new Deadlines<Stream>();
  /** Those that became a connection, by peer, the newest last. */
  readonly #connected = new Map<PeerId, Stream[]>();
  /** Those in use. */
  readonly #byPeer = new Map<PeerId, Stream>();
  readonly #launches = new Launches();
  #peers: readonly PeerId[] | undefined;

  /**
   * @param hello what we say of ourselves, made anew for each stream
   * @param trust in force for streams that begin now: of one that we dialled, or of any that we accept
   * @param isMember whether a member may call from there
   */
  constructor(
    self: PeerId,
    hello: (dialled: SocketAddress | undefined) => Hello,
    trust: (dialled?: ConnId) => Trust,
    isMember: (ip: Ip) => boolean = () => false,
  ) {
    this.#admission = new Admission(isMember);
    this.#self = self;
    this.#hello = hello;
    this.#trust = trust;
  }

  of(peer: PeerId): Connection | undefined {
    return this.#byPeer.get(peer)?.established;
  }

  /** How the handshake left the stream to a peer. */
  sealed(peer: PeerId): SealedStream | undefined {
    const s = this.#byPeer.get(peer);
    return s && { hash: s.secure.hash!, keyId: s.secure.keyId!, outbound: s.outbound };
  }

  /** When the peer last spoke on its connection. */
  heardAt(peer: PeerId): Millis | undefined {
    return this.#byPeer.get(peer)?.heardAt;
  }

  /** Those with a connection. The same array until that changes. */
  get peers(): readonly PeerId[] {
    return (this.#peers ??= [...this.#byPeer.keys()]);
  }

  get count(): number {
    return this.#byPeer.size;
  }

  opened(conn: ConnId, remote: SocketAddress, outbound: boolean, now: Millis): ConnectionFx[] {
    const before = outbound ? [] : this.#admit(conn, remote.ip, now);
    if (typeof before === 'string')
      return [
        { kind: 'close', conn },
        { kind: 'drop', reason: before },
      ];
    const s = newStream(conn, remote, outbound, this.#trust(outbound ? conn : undefined), now);
    this.#streams.set(conn, s);
    this.#deadlines.set(s, dueAt(s));
    return [...before, ...this.#items(s, s.secure.opened(outbound), now)];
  }

  /** @returns why it is turned away, or what is done to let it in */
  #admit(conn: ConnId, ip: Ip, now: Millis): string | ConnectionFx[] {
    if (this.#streams.size >= MAX_STREAMS) return 'too-many-streams';
    const admitted = this.#admission.admit(conn, ip, now);
    if (admitted.kind === 'refused') return admitted.why;
    const oldest = admitted.displaced === undefined ? undefined : this.#streams.get(admitted.displaced);
    if (oldest === undefined) return [];
    const close: ConnectionFx[] = [
      { kind: 'drop', reason: 'half-open' },
      { kind: 'close', conn: oldest.conn },
    ];
    return [...close, ...this.#refuse(oldest, 'others called meanwhile', 'failed')];
  }

  received(conn: ConnId, bytes: Uint8Array, now: Millis): ConnectionFx[] {
    const s = this.#streams.get(conn);
    if (s === undefined) return [];
    s.heardAt = now;
    s.pingedAt = undefined;
    return this.#items(s, s.secure.received(bytes), now);
  }

  #items(s: Stream, items: readonly SecureItem[], now: Millis): ConnectionFx[] {
    const fx: ConnectionFx[] = [];
    for (const item of items) {
      fx.push(...this.#item(s, item, now));
      if (!this.#streams.has(s.conn)) break;
    }
    return fx;
  }

  closed(conn: ConnId, reason: string, now: Millis): ConnectionFx[] {
    const s = this.#streams.get(conn);
    if (s === undefined) return [];
    if (s.established === undefined) return this.#refuse(s, unfinished(reason), 'failed');
    return this.#end(s, reason, now);
  }

  /** Closes the connection to a peer, if there is one, and what there is to spare. */
  drop(peer: PeerId, reason: string): ConnectionFx[] {
    const s = this.#byPeer.get(peer);
    if (s === undefined) return [];
    this.#byPeer.delete(peer);
    this.#peers = undefined;
    return [...this.#close(this.#established(peer)), { kind: 'down', connection: s.established!, reason }];
  }

  /** Asks a peer for a sign of life now, because something else says that it is gone. */
  challenge(peer: PeerId, now: Millis): ConnectionFx[] {
    const s = this.#byPeer.get(peer);
    return s === undefined ? [] : this.#ask(s, now);
  }

  /** @param frame encoded; it may go to others as well */
  send(peer: PeerId, frame: Uint8Array): ConnectionFx[] {
    const s = this.#byPeer.get(peer);
    return s === undefined ? [] : [this.#say(s, frame)];
  }

  /** @param frame encoded, of a stream whose handshake is done */
  #say({ conn, secure }: Stream, frame: Uint8Array): ConnectionFx {
    return new Saying(conn, secure, frame);
  }

  tick(now: Millis): ConnectionFx[] {
    const fx: ConnectionFx[] = [];
    for (let s = this.#firstDue(); s !== undefined && dueAt(s) <= now; s = this.#firstDue()) {
      if (s.established === undefined)
        fx.push({ kind: 'close', conn: s.conn }, ...this.#refuse(s, 'it did not say who it is in time', 'failed'));
      else if (s.pingedAt === undefined) fx.push(...this.#ping(s, now));
      else fx.push({ kind: 'close', conn: s.conn }, ...this.#end(s, 'no answer to a ping', now));
    }
    const isWoken = fx.length > 0;
    for (let s = this.#firstDue(); isWoken && s !== undefined && this.#mayPing(s, now); s = this.#firstDue())
      fx.push(...this.#ping(s, now));
    return fx;
  }

  #mayPing(s: Stream, now: Millis): boolean {
    return s.established !== undefined && s.pingedAt === undefined && dueAt(s) <= now + TOGETHER_MS;
  }

  nextDeadline(): Millis | undefined {
    const s = this.#firstDue();
    return s && dueAt(s);
  }

  /** What was heard since has put most of them off. */
  #firstDue(): Stream | undefined {
    for (;;) {
      const s = this.#deadlines.first;
      const at = s && dueAt(s);
      if (s === undefined || at === undefined || at === this.#deadlines.next) return s;
      this.#deadlines.set(s, at);
    }
  }

  #ask(s: Stream, now: Millis): ConnectionFx[] {
    return s.pingedAt === undefined ? this.#ping(s, now) : [];
  }

  #ping(s: Stream, now: Millis): ConnectionFx[] {
    s.pingedAt = now;
    this.#deadlines.set(s, dueAt(s));
    return [this.#say(s, encodeFrame(FrameType.ping, NOTHING))];
  }

  #item(s: Stream, item: SecureItem, now: Millis): ConnectionFx[] {
    const { conn } = s;
    switch (item.kind) {
      case 'say':
        return [{ kind: 'send', conn, bytes: item.bytes }];
      case 'introduced':
        return this.#items(s, s.secure.judged(this.#admission.isWelcome(conn, now)), now);
      case 'refused':
        return [
          { kind: 'drop', reason: item.drop },
          { kind: 'close', conn },
          ...this.#refuse(s, item.reason, item.why),
        ];
      case 'sealed':
        return [this.#sayHello(s)];
      case 'bad':
        return [
          { kind: 'drop', reason: `stream-${item.reason}` },
          ...this.#abort(s, FAULTS[item.reason], 'failed', now),
        ];
      case 'frame':
        if (s.hello === undefined) return this.#greet(s, item, now);
        return [...(s.established === undefined ? this.#establish(s, s.hello, now) : []), ...this.#frame(s, item)];
    }
  }

  #sayHello(s: Stream): ConnectionFx {
    this.#admission.done(s.conn);
    const hello = this.#hello(s.outbound ? s.remote : undefined);
    const signed = signHello(this.#trust().signer, s.secure.hash!, s.outbound, hello);
    return this.#say(s, encodeFrame(FrameType.hello, signed));
  }

  #frame(s: Stream, { type, body }: Frame): ConnectionFx[] {
    if (type === FrameType.ping) return [this.#say(s, encodeFrame(FrameType.pong, NOTHING))];
    if (type === FrameType.pong || type === FrameType.hello) return [];
    const refusal = type === FrameType.refuse ? decodeRefuse(body) : undefined;
    if (typeof refusal === 'object' && refusal.code === 'clone') return this.#warned(s);
    return [{ kind: 'frame', peer: s.established!.peer, type, body }];
  }

  /** The connection stays; who reads `status` is to know. */
  #warned({ remote }: Stream): ConnectionFx[] {
    return [{ kind: 'refused', conn: NO_CONN, reason: CLONE, why: 'clone', caller: remote.ip }];
  }

  #greet(s: Stream, { type, body }: Frame, now: Millis): ConnectionFx[] {
    if (type === FrameType.refuse) return this.#refused(s, body, now);
    const drop = (reason: string, sentence: string): ConnectionFx[] => [
      { kind: 'drop', reason },
      ...this.#abort(s, sentence, 'failed', now),
    ];
    if (type !== FrameType.hello) return drop('frame-before-hello', 'it sent a frame before its hello');
    const signed = decodeSignedHello(body);
    const hello = signed === 'short' ? signed : decodeHello(signed.hello);
    if (signed === 'short' || typeof hello === 'string')
      return drop(`hello-${hello as string}`, `its hello is malformed (${hello as string})`);
    const fault = isOfKey(this.#trust(), s.secure.hash!, !s.outbound, hello, signed);
    if (fault !== undefined) return drop(`hello-${fault}`, FAULTS[fault]);
    if (hello.id === this.#self) return this.#ourself(s, hello, now);
    if (this.#launches.hasGivenWay(hello.id, hello.launch)) return this.#clone(s, hello, now);
    s.hello = hello;
    if (!s.outbound) return [];
    return [this.#say(s, encodeFrame(FrameType.pong, NOTHING)), ...this.#establish(s, hello, now)];
  }

  /** We dialled our own address; or somebody has a copy of our key. */
  #ourself(s: Stream, { launch, name }: Hello, now: Millis): ConnectionFx[] {
    if (sameBytes(launch, this.#hello(undefined).launch))
      return this.#abort(s, 'that is this router itself', 'self', now);
    const sentence = `"${name}" has the same key as this router: one is a copy of the other`;
    return [{ kind: 'drop', reason: 'hello-clone' }, ...this.#abort(s, sentence, 'clone', now)];
  }

  /** Both hear of it: who calls, and who is connected already. */
  #clone(s: Stream, { id, name }: Hello, now: Millis): ConnectionFx[] {
    const other = this.#byPeer.get(id);
    const told = encodeFrame(FrameType.refuse, encodeRefuse({ code: 'clone', sentence: CLONE }));
    return [
      { kind: 'drop', reason: 'hello-clone' },
      ...(other === undefined ? [] : [this.#say(other, told)]),
      ...this.#abort(s, `two machines have the key of "${name}": one is a copy of the other`, 'clone', now),
    ];
  }

  #refused(s: Stream, body: Uint8Array, now: Millis): ConnectionFx[] {
    const refusal = decodeRefuse(body);
    if (typeof refusal === 'string') return this.#abort(s, 'refused without a readable reason', 'failed', now);
    if (refusal.code === 'clone') return this.#abort(s, CLONE, 'clone', now);
    return this.#abort(s, refusal.sentence, 'failed', now);
  }

  #establish(s: Stream, hello: Hello, now: Millis): ConnectionFx[] {
    const isOver = (older: Connection): boolean =>
      this.#self < hello.id || !sameBytes(older.hello.launch, hello.launch);
    this.#launches.established(hello.id, hello.launch);
    const over = this.#established(hello.id).filter((older) => isOver(older.established!));
    s.established = { conn: s.conn, peer: hello.id, remote: s.remote, outbound: s.outbound, hello, upAt: now };
    this.#connected.set(hello.id, [...this.#established(hello.id), s]);
    return [...this.#close(over), ...this.#use(s, now)];
  }

  /** What was in use and is still open has to show that it lives: the other side may have lost it. */
  #use(s: Stream, now: Millis): ConnectionFx[] {
    const connection = s.established!;
    const before = this.#byPeer.get(connection.peer);
    this.#byPeer.set(connection.peer, s);
    this.#peers = undefined;
    const isToSpare = before !== undefined && this.#streams.has(before.conn);
    return [...(isToSpare ? this.#ask(before, now) : []), { kind: 'up', connection, isNew: before === undefined }];
  }

  #established(peer: PeerId): readonly Stream[] {
    return this.#connected.get(peer) ?? [];
  }

  #forget(s: Stream): void {
    this.#admission.done(s.conn);
    this.#streams.delete(s.conn);
    this.#deadlines.delete(s);
    const peer = s.established?.peer;
    if (peer === undefined) return;
    const left = this.#established(peer).filter((other) => other !== s);
    if (left.length > 0) this.#connected.set(peer, left);
    else this.#connected.delete(peer);
  }

  #close(streams: readonly Stream[]): ConnectionFx[] {
    for (const s of streams) this.#forget(s);
    return streams.map(({ conn }) => ({ kind: 'close', conn }));
  }

  #abort(s: Stream, reason: string, why: RefusalKind, now: Millis): ConnectionFx[] {
    const close: ConnectionFx = { kind: 'close', conn: s.conn };
    if (s.established !== undefined) return [close, ...this.#end(s, reason, now)];
    const code: RefuseCode = why === 'failed' ? 'retry' : why === 'clone' ? why : 'final';
    const refuse = encodeFrame(FrameType.refuse, encodeRefuse({ code, sentence: reason }));
    return [this.#say(s, refuse), close, ...this.#refuse(s, reason, why)];
  }

  #refuse(s: Stream, reason: string, why: RefusalKind): ConnectionFx[] {
    this.#forget(s);
    const caller = (!s.outbound || why === 'clone') && { caller: s.remote.ip };
    return [
      {
        kind: 'refused',
        conn: s.conn,
        reason,
        why,
        ...caller,
        ...(why === 'former' && s.outbound && { dialled: s.remote }),
      },
    ];
  }

  #end(s: Stream, reason: string, now: Millis): ConnectionFx[] {
    this.#forget(s);
    const connection = s.established!;
    if (this.#byPeer.get(connection.peer) !== s) return [];
    const spare = this.#established(connection.peer).at(-1);
    if (spare !== undefined) return [...this.#use(spare, now), ...this.#ask(spare, now)];
    this.#byPeer.delete(connection.peer);
    this.#peers = undefined;
    return [{ kind: 'down', connection, reason }];
  }
}

/** Of no stream. */
const NO_CONN = 0;
