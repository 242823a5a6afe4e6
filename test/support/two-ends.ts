// Two routers' connections and dialers, and the wire between them: it delays, cuts, resets one end only and loses streams.
import { Connections, type Connection, type ConnectionFx } from '../../router/connection/connections.js';
import { Dialer } from '../../router/connection/dialer.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../router/types.js';
import type { Hello } from '../../router/wire/hello.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { encodeFrame, FrameType } from '../../router/wire/stream.js';
import type { Trust } from '../../router/trust/trust.js';
import { cheapTrust } from './cheap-trust.js';
import { CoreTime } from './core-time.js';

/** 0 has the lower id. */
export type Side = 0 | 1;

export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0);

const KEYS = new Map([0, 1].map((n) => new Uint8Array(32).fill(n)).map((key) => [peerIdOf(key), key]));
const IDS = [...KEYS.keys()].sort() as [PeerId, PeerId];
const TRUST = IDS.map((id) => cheapTrust(KEYS.get(id)!, id)) as [Trust, Trust];
const REMOTE: SocketAddress = { ip: '10.0.0.2' as Ip, port: 6783 };
const DIAL_TIMEOUT_MS = 1_500;

/** `end`: of the stream. */
type Sent = Uint8Array | 'end';

interface Stream {
  readonly conns: readonly [number, number];
  readonly isOpen: [boolean, boolean];
  /** Nothing gets through any more, and nobody is told: a middlebox forgot it. */
  isLost: boolean;
  /** By sender: what a cut holds up, and when the last thing sent arrives. */
  readonly held: readonly [Sent[], Sent[]];
  readonly lastAt: [number, number];
}

interface End {
  readonly connections: Connections;
  readonly dialer: Dialer;
  readonly dials: { readonly at: number; readonly job: string }[];
  accepted: number;
  /** How often it was left without a connection. */
  lost: number;
}

export class TwoEnds {
  /** By sender: does anything arrive, and after how long? */
  readonly reaches: [boolean, boolean] = [true, true];
  readonly lagMs: [number, number] = [1, 1];
  readonly streams: Stream[] = [];
  readonly ends: readonly [End, End];
  readonly #time = new CoreTime(
    ([0, 1] as const).map((side) => ({ nextDeadline: () => this.#deadline(side), tick: () => this.#tick(side) })),
  );

  /** @param dials who knows where the other one is */
  constructor(random: () => number, dials: readonly Side[]) {
    const end = (side: Side): End => ({
      connections: new Connections(
        IDS[side],
        () => helloOf(IDS[side]),
        () => TRUST[side],
      ),
      dialer: new Dialer(random),
      dials: [],
      accepted: 0,
      lost: 0,
    });
    this.ends = [end(0), end(1)];
    for (const side of dials) this.ends[side].dialer.addPeer(IDS[otherSide(side)], [REMOTE], at(side === 0 ? 0 : 500));
  }

  get now(): Millis {
    return this.#time.now;
  }

  run(ms: number): void {
    this.#time.run(ms);
  }

  connection(side: Side): Connection | undefined {
    return this.ends[side].connections.of(IDS[otherSide(side)]);
  }

  /** The stream that this side uses. */
  used(side: Side): Stream | undefined {
    const conn = this.connection(side)?.conn;
    return this.streams.find((s) => s.conns[side] === conn);
  }

  setReach(side: Side, reaches: boolean): void {
    this.reaches[side] = reaches;
    for (const s of this.streams) if (reaches) for (const sent of s.held[side].splice(0)) this.#arrive(s, side, sent);
  }

  /** Only this side hears of it. */
  reset(side: Side, s: Stream): void {
    if (!s.isOpen[side]) return;
    s.isOpen[side] = false;
    this.#perform(side, this.ends[side].connections.closed(s.conns[side], 'reset', this.now));
  }

  challenge(side: Side): void {
    this.#perform(side, this.ends[side].connections.challenge(IDS[otherSide(side)], this.now));
  }

  hurry(side: Side): void {
    this.ends[side].dialer.hurry(IDS[otherSide(side)], this.now);
  }

  /** An operator names the other one, by a name that no hello has told yet. */
  connect(side: Side, text: string): void {
    this.ends[side].dialer.addTarget({ text, host: text, port: 6783 }, this.now);
  }

  #deadline(side: Side): Millis {
    const { connections, dialer } = this.ends[side];
    const dialAt = dialer.nextDeadline(() => this.connection(side) !== undefined);
    return at(Math.min(connections.nextDeadline() ?? Infinity, dialAt ?? Infinity));
  }

  #tick(side: Side): void {
    const { connections, dialer, dials } = this.ends[side];
    this.#perform(side, connections.tick(this.now));
    for (const { conn } of dialer.tick(this.now, () => this.connection(side) !== undefined)) {
      dials.push({ at: this.now, job: dialer.targetOf(conn) ?? 'peer' });
      this.#dial(side, conn);
    }
  }

  #dial(side: Side, conn: number): void {
    const other = otherSide(side);
    const accepted = -++this.ends[other].accepted;
    const s: Stream = {
      conns: side === 0 ? [conn, accepted] : [accepted, conn],
      isOpen: [false, false],
      isLost: false,
      held: [[], []],
      lastAt: [0, 0],
    };
    this.streams.push(s);
    const fail = (): void => this.ends[side].dialer.failed(conn, 'timeout', 'soon', this.now);
    // What follows on the stream arrives after what opened it.
    const handshake = (from: Side, done: () => void): void => {
      s.lastAt[from] = this.now + this.lagMs[from];
      this.#time.later(this.lagMs[from], () => (this.reaches[from] ? done() : this.#time.later(DIAL_TIMEOUT_MS, fail)));
    };
    handshake(side, () => {
      handshake(other, () => this.#open(s, side, true));
      this.#open(s, other, false);
    });
  }

  #open(s: Stream, side: Side, outbound: boolean): void {
    s.isOpen[side] = true;
    this.#perform(side, this.ends[side].connections.opened(s.conns[side], REMOTE, outbound, this.now));
  }

  #perform(side: Side, list: readonly ConnectionFx[]): void {
    const { dialer, connections } = this.ends[side];
    for (const fx of list)
      switch (fx.kind) {
        case 'send':
          this.#send(this.#stream(side, fx.conn), side, fx.bytes);
          break;
        case 'close':
          this.#send(this.#stream(side, fx.conn), side, 'end');
          this.#stream(side, fx.conn).isOpen[side] = false;
          break;
        case 'up':
          dialer.succeeded(fx.connection.conn, fx.connection.peer);
          this.#perform(side, connections.send(fx.connection.peer, encodeFrame(FrameType.vector, new Uint8Array(0)))); // as a router does
          break;
        case 'down':
          this.ends[side].lost++;
          dialer.ended(fx.connection.peer, fx.connection.upAt, this.now);
          break;
        case 'refused':
          dialer.failed(fx.conn, fx.reason, 'soon', this.now);
          break;
        case 'frame':
        case 'drop':
          break;
      }
  }

  #stream(side: Side, conn: number): Stream {
    return this.streams.find((s) => s.conns[side] === conn)!;
  }

  #send(s: Stream, side: Side, sent: Sent): void {
    if (!s.isOpen[side]) return;
    s.lastAt[side] = Math.max(s.lastAt[side], this.now + this.lagMs[side]);
    this.#time.later(s.lastAt[side] - this.now, () => {
      if (!this.reaches[side] || s.held[side].length > 0) s.held[side].push(sent);
      else this.#arrive(s, side, sent);
    });
  }

  #arrive(s: Stream, from: Side, sent: Sent): void {
    const to = otherSide(from);
    if (s.isLost) return;
    if (!s.isOpen[to]) {
      // As TCP: data for a socket that is no more is answered with a reset.
      if (sent !== 'end' && this.reaches[to]) this.#time.later(this.lagMs[to], () => !s.isLost && this.reset(from, s));
      return;
    }
    const { connections } = this.ends[to];
    if (sent !== 'end') return this.#perform(to, connections.received(s.conns[to], sent, this.now));
    s.isOpen[to] = false;
    this.#perform(to, connections.closed(s.conns[to], 'ended', this.now));
  }
}

const at = (ms: number): Millis => ms as Millis;

const helloOf = (id: PeerId): Hello => ({
  id,
  publicKey: KEYS.get(id)!,
  name: id.slice(0, 4),
  incarnation: 1,
  port: 6783,
  launch: new Uint8Array(16),
  dialled: undefined,
  softwareVersion: '0.1.0',
});
