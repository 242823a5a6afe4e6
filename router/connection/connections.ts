// Control connections: TCP streams between peers, from the first byte to the last. At most one per peer is in use.
//
// Which one, the lower of the two ids decides, since the ends of a stream may hear of its end at different times or never:
// who dials has no connection, so for the lower a new stream always replaces what was. The higher uses the newest as well,
// but keeps the others until the lower closes them or they do not answer: hellos that cross reach the two in unlike order.
//
//   state        event                        next         what is done
//   (none)       opened                       greeting     send preamble and hello
//   greeting     hello, version and id right  established  who dialled: pong; in use, an older one closed (lower id) or asked (higher)
//                                             greeted      who was dialled: wait, for the other may have given up long ago
//   greeted      frame                        established  as above
//   greeting     hello of ourselves           (closed)     refused: own address
//   greeting     hello, id not of its key     (closed)     refused: counted
//   greeting     bytes of another protocol    (closed)     refused: not a mesh router
//   greet…       10 s                         (closed)     refused: no greeting
//   established  frame                        established  hand it to the router
//   established  20 s of silence              established  ping; 5 s without any byte: closed
//   any          closed                       (none)       in use: another takes its place, or tell the router
import type { Millis, PeerId, SocketAddress } from '../types.js';
import { sameBytes } from '../wire/bytes.js';
import { decodeHello, decodeRefuse, encodeHello, encodeRefuse, type Hello, type RefuseCode } from '../wire/hello.js';
import { peerIdOf } from '../wire/peer-id.js';
import {
  commonVersion,
  encodeFrame,
  encodePreamble,
  FrameType,
  STREAM_VERSION,
  StreamReader,
  type StreamItem,
} from '../wire/stream.js';
import { Deadlines } from '../deadlines.js';

/** Names one TCP stream; drawn by the router for those it dials, by the shell (negative) for those it accepts. */
export type ConnId = number;

export interface Connection {
  readonly conn: ConnId;
  readonly peer: PeerId;
  readonly remote: SocketAddress;
  readonly outbound: boolean;
  readonly hello: Hello;
  readonly upAt: Millis;
}

export type ConnectionFx =
  | { readonly kind: 'send'; readonly conn: ConnId; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly conn: ConnId }
  /** `isNew`: there was none; else it takes the place of an older stream to the same peer. */
  | { readonly kind: 'up'; readonly connection: Connection; readonly isNew: boolean }
  | { readonly kind: 'down'; readonly connection: Connection; readonly reason: string }
  /** The stream never became a connection. */
  | {
      readonly kind: 'refused';
      readonly conn: ConnId;
      readonly reason: string;
      readonly why: RefusalKind;
    }
  | { readonly kind: 'frame'; readonly peer: PeerId; readonly type: number; readonly body: Uint8Array }
  | { readonly kind: 'drop'; readonly reason: string };

/** `self`, `not-mesh`: dialling again is of no use. `version`: not before an upgrade. `failed`: it may do better next time. */
export type RefusalKind = 'self' | 'not-mesh' | 'version' | 'failed';

interface Stream {
  readonly conn: ConnId;
  readonly remote: SocketAddress;
  readonly outbound: boolean;
  readonly reader: StreamReader;
  readonly openedAt: Millis;
  hello: Hello | undefined;
  established: Connection | undefined;
  heardAt: Millis;
  pingedAt: Millis | undefined;
}

const GREETING_MS = 10_000; // a starved router takes seconds to answer; who gives up sooner only makes it more work
const SILENCE_MS = 20_000; // a ping and its pong cost 150 bytes on the wire: 7 B/s a connection
/** Pings that are due within this go together: each time that the process wakes costs far more than a ping. */
const TOGETHER_MS = 1_000;
const PONG_MS = 5_000;
const MAX_STREAMS = 4_096; // accepted, beside the few that we dial: more than a mesh of 1,000 needs; a flood of dials must not grow the heap

const NOTHING = new Uint8Array(0);

export class Connections {
  readonly #hello: (dialled: SocketAddress | undefined) => Hello;
  readonly #self: PeerId;
  readonly #streams = new Map<ConnId, Stream>();
  /** When to look at each: that is never later than it is due, and put right when it comes first. */
  readonly #deadlines = new Deadlines<Stream>();
  /** Those that became a connection, by peer, the newest last. */
  readonly #connected = new Map<PeerId, Stream[]>();
  /** Those in use. */
  readonly #byPeer = new Map<PeerId, Stream>();
  #peers: readonly PeerId[] | undefined;

  /** @param hello what we say of ourselves, made anew for each stream */
  constructor(self: PeerId, hello: (dialled: SocketAddress | undefined) => Hello) {
    this.#self = self;
    this.#hello = hello;
  }

  of(peer: PeerId): Connection | undefined {
    return this.#byPeer.get(peer)?.established;
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
    if (!outbound && this.#streams.size >= MAX_STREAMS)
      return [
        { kind: 'close', conn },
        { kind: 'drop', reason: 'too-many-streams' },
      ];
    const s: Stream = {
      conn,
      remote,
      outbound,
      reader: new StreamReader(),
      openedAt: now,
      hello: undefined,
      established: undefined,
      heardAt: now,
      pingedAt: undefined,
    };
    this.#streams.set(conn, s);
    this.#deadlines.set(s, this.#dueAt(s));
    const hello = encodeFrame(FrameType.hello, encodeHello(this.#hello(outbound ? remote : undefined)));
    return [
      { kind: 'send', conn, bytes: encodePreamble() },
      { kind: 'send', conn, bytes: hello },
    ];
  }

  received(conn: ConnId, bytes: Uint8Array, now: Millis): ConnectionFx[] {
    const s = this.#streams.get(conn);
    if (s === undefined) return [];
    s.heardAt = now;
    s.pingedAt = undefined;
    const fx: ConnectionFx[] = [];
    for (const item of s.reader.push(bytes)) {
      fx.push(...this.#item(s, item, now));
      if (!this.#streams.has(conn)) break;
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
    return s === undefined ? [] : [{ kind: 'send', conn: s.conn, bytes: frame }];
  }

  tick(now: Millis): ConnectionFx[] {
    const fx: ConnectionFx[] = [];
    for (let s = this.#firstDue(); s !== undefined && this.#dueAt(s) <= now; s = this.#firstDue()) {
      if (s.established === undefined)
        fx.push({ kind: 'close', conn: s.conn }, ...this.#refuse(s, 'it accepted and said nothing for 10 s', 'failed'));
      else if (s.pingedAt === undefined) fx.push(...this.#ping(s, now));
      else fx.push({ kind: 'close', conn: s.conn }, ...this.#end(s, 'no answer to a ping', now));
    }
    const isWoken = fx.length > 0;
    for (let s = this.#firstDue(); isWoken && s !== undefined && this.#mayPing(s, now); s = this.#firstDue())
      fx.push(...this.#ping(s, now));
    return fx;
  }

  #mayPing(s: Stream, now: Millis): boolean {
    return s.established !== undefined && s.pingedAt === undefined && this.#dueAt(s) <= now + TOGETHER_MS;
  }

  nextDeadline(): Millis | undefined {
    const s = this.#firstDue();
    return s && this.#dueAt(s);
  }

  /** What was heard since has put most of them off. */
  #firstDue(): Stream | undefined {
    for (;;) {
      const s = this.#deadlines.first;
      const at = s && this.#dueAt(s);
      if (s === undefined || at === undefined || at === this.#deadlines.next) return s;
      this.#deadlines.set(s, at);
    }
  }

  #dueAt(s: Stream): Millis {
    if (s.established === undefined) return (s.openedAt + GREETING_MS) as Millis;
    return (s.pingedAt === undefined ? s.heardAt + SILENCE_MS : s.pingedAt + PONG_MS) as Millis;
  }

  #ask(s: Stream, now: Millis): ConnectionFx[] {
    return s.pingedAt === undefined ? this.#ping(s, now) : [];
  }

  #ping(s: Stream, now: Millis): ConnectionFx[] {
    s.pingedAt = now;
    this.#deadlines.set(s, this.#dueAt(s));
    return [{ kind: 'send', conn: s.conn, bytes: encodeFrame(FrameType.ping, NOTHING) }];
  }

  #item(s: Stream, item: StreamItem, now: Millis): ConnectionFx[] {
    switch (item.kind) {
      case 'preamble':
        return commonVersion(item) === undefined ? this.#abort(s, versionSentence(item.version), 'version', now) : [];
      case 'bad':
        return [
          { kind: 'drop', reason: `stream-${item.reason}` },
          ...this.#abort(s, badSentence(item.reason), item.reason === 'not-mesh' ? 'not-mesh' : 'failed', now),
        ];
      case 'frame':
        if (s.hello === undefined) return this.#greet(s, item.type, item.body, now);
        return [
          ...(s.established === undefined ? this.#establish(s, s.hello, now) : []),
          ...this.#frame(s, item.type, item.body),
        ];
    }
  }

  #frame(s: Stream, type: number, body: Uint8Array): ConnectionFx[] {
    if (type === FrameType.ping) return [{ kind: 'send', conn: s.conn, bytes: encodeFrame(FrameType.pong, NOTHING) }];
    if (type === FrameType.pong || type === FrameType.hello) return [];
    return [{ kind: 'frame', peer: s.established!.peer, type, body }];
  }

  #greet(s: Stream, type: number, body: Uint8Array, now: Millis): ConnectionFx[] {
    if (type === FrameType.refuse) {
      const refusal = decodeRefuse(body);
      return this.#abort(
        s,
        typeof refusal === 'string' ? 'refused without a readable reason' : refusal.sentence,
        'failed',
        now,
      );
    }
    if (type !== FrameType.hello)
      return [
        { kind: 'drop', reason: 'frame-before-hello' },
        ...this.#abort(s, 'it sent a frame before its hello', 'failed', now),
      ];
    const hello = decodeHello(body);
    if (typeof hello === 'string')
      return [
        { kind: 'drop', reason: `hello-${hello}` },
        ...this.#abort(s, `its hello is malformed (${hello})`, 'failed', now),
      ];
    if (peerIdOf(hello.publicKey) !== hello.id)
      return [
        { kind: 'drop', reason: 'hello-id' },
        ...this.#abort(s, 'its id is not the hash of its key', 'failed', now),
      ];
    if (hello.id === this.#self) return this.#abort(s, 'that is this router itself', 'self', now);
    s.hello = hello;
    if (!s.outbound) return [];
    return [
      { kind: 'send', conn: s.conn, bytes: encodeFrame(FrameType.pong, NOTHING) },
      ...this.#establish(s, hello, now),
    ];
  }

  #establish(s: Stream, hello: Hello, now: Millis): ConnectionFx[] {
    const isOver = (older: Connection): boolean =>
      this.#self < hello.id || !sameBytes(older.hello.launch, hello.launch);
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
    const code: RefuseCode = why === 'failed' ? 'retry' : 'final';
    const refuse = encodeFrame(FrameType.refuse, encodeRefuse({ code, sentence: reason }));
    return [{ kind: 'send', conn: s.conn, bytes: refuse }, close, ...this.#refuse(s, reason, why)];
  }

  #refuse(s: Stream, reason: string, why: RefusalKind): ConnectionFx[] {
    this.#forget(s);
    return [{ kind: 'refused', conn: s.conn, reason, why }];
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

const versionSentence = (theirs: number): string =>
  `it speaks version ${theirs} of the control stream and this router version ${STREAM_VERSION}: ` +
  `upgrade the ${theirs < STREAM_VERSION ? 'other' : 'local'} mesh`;

/** @param reason the network's code for how the stream ended */
const unfinished = (reason: string): string =>
  `it ${reason === 'reset' ? 'broke off' : 'closed'} the connection before it said who it is`;

const badSentence = (reason: string): string =>
  reason === 'not-mesh'
    ? 'what answers there is not a mesh router'
    : `it broke the control stream's format (${reason})`;
