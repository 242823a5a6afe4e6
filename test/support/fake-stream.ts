// One direction of a TCP connection: in order, without loss, late when the wire is bad. What cannot pass is tried again as TCP
// does, ever more seldom, and given up in the end.
import type { CloseReason } from '../../router/runtime/network.js';
import type { Ip } from '../../router/types.js';
import { joined } from '../../router/wire/bytes.js';

/** First and longest wait before what cannot pass is tried again: `TCP_RTO_MIN` and `TCP_RTO_MAX` of Linux's `net/tcp.h`, ms. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 120_000;
/** With `tcp_retries2` at 15 a connection ends after at least this, Linux's `ip-sysctl.rst`; ms. */
const GIVE_UP_MS = 924_600;

/** What libuv reads from a stream at once. */
const READ_BYTES = 65_536;

/** `lost`: a NAT between the ends has forgotten the connection, and who is behind it is told when it speaks. */
export type Passage = 'open' | 'cut' | 'lost';

/** What a stream needs of the underlay. */
export interface StreamWorld {
  now(): number;
  after(ms: number, work: () => void): unknown;
  /** Ms until so many bytes are there, while nothing is in the way. */
  delay(from: Ip, to: Ip, bytes: number): number;
  /** Do data get there, and the word that they did back? */
  passage(stream: Stream): Passage;
}

/** What a stream tells of one of its ends. */
export interface StreamEnd {
  /** Undefined is the end of the stream. @returns false if nobody is there any more: the sender hears of a reset */
  arrived(conn: number, bytes: Uint8Array | undefined): boolean;
  /** What we sent will not arrive. */
  broke(conn: number, reason: CloseReason): void;
  /** All we sent has arrived, and that it was all. */
  finished(conn: number): void;
  /** What held up our stream may be gone. */
  hurry(conn: number): void;
  readonly isDeaf: boolean;
}

interface Chunk {
  readonly bytes: Uint8Array | undefined;
  readonly dueAt: number;
}

export class Stream {
  /** The hosts' own addresses, whatever others see of them. */
  readonly from: Ip;
  readonly to: Ip;
  readonly far: StreamEnd;
  readonly farConn: number;
  /** Of the NATs between the ends, when the connection was made. @see FakeNat.epoch */
  readonly epochs: number;
  readonly #world: StreamWorld;
  readonly #near: StreamEnd;
  readonly #nearConn: number;
  readonly #queue: Chunk[] = [];
  #queuedBytes = 0;
  /** A look at the queue is coming. */
  #isArmed = false;
  #stalledAt: number | undefined;
  #retryMs = RETRY_MS;
  #isOver = false;

  constructor(
    world: StreamWorld,
    [from, near, nearConn]: readonly [Ip, StreamEnd, number],
    [to, far, farConn]: readonly [Ip, StreamEnd, number],
    epochs: number,
  ) {
    this.from = from;
    this.to = to;
    this.far = far;
    this.farConn = farConn;
    this.epochs = epochs;
    this.#world = world;
    this.#near = near;
    this.#nearConn = nearConn;
  }

  /** What has not arrived yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** @param bytes undefined ends the stream */
  push(bytes: Uint8Array | undefined): void {
    if (this.#isOver) return;
    const size = bytes?.length ?? 0;
    const now = this.#world.now();
    const dueAt = Math.max(this.#queue.at(-1)?.dueAt ?? 0, now + this.#world.delay(this.from, this.to, size));
    this.#queue.push({ bytes, dueAt });
    this.#queuedBytes += size;
    if (!this.#isArmed) this.#arm(dueAt - now);
  }

  /** What it was held up by is gone, and the far end said so. */
  hurry(): void {
    if (this.#stalledAt !== undefined) this.#arm(this.#world.delay(this.from, this.to, 0));
  }

  /** Nothing arrives any more. */
  abandon(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #arm(ms: number): void {
    this.#isArmed = true;
    this.#world.after(ms, () => this.#look());
  }

  #look(): void {
    this.#isArmed = false;
    if (this.#queue.length === 0) return;
    const passage = this.#world.passage(this);
    if (passage === 'cut') return this.#stall();
    if (passage === 'lost') return this.#break('reset');
    this.#stalledAt = undefined;
    this.#retryMs = RETRY_MS;
    while (this.#queue.length > 0 && this.#queue[0]!.dueAt <= this.#world.now()) {
      const bytes = this.#take();
      if (!this.far.arrived(this.farConn, bytes)) return this.#break('reset');
      if (bytes === undefined) this.#near.finished(this.#nearConn);
    }
    if (this.#queue.length > 0 && !this.#isArmed) this.#arm(this.#queue[0]!.dueAt - this.#world.now());
  }

  /** What is due now, joined as far as one read of the receiver takes it: what was written in two is not read in two. */
  #take(): Uint8Array | undefined {
    const { bytes } = this.#queue.shift()!;
    if (bytes === undefined) return undefined;
    const parts = [bytes];
    let size = bytes.length;
    for (let next = this.#queue[0]; next?.bytes !== undefined; next = this.#queue[0]) {
      if (next.dueAt > this.#world.now() || size + next.bytes.length > READ_BYTES) break;
      parts.push(next.bytes);
      size += next.bytes.length;
      this.#queue.shift();
    }
    this.#queuedBytes -= size;
    return parts.length === 1 ? bytes : joined(...parts);
  }

  #stall(): void {
    const now = this.#world.now();
    this.#stalledAt ??= now;
    if (now - this.#stalledAt >= GIVE_UP_MS) return this.#break('failed');
    this.#arm(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #break(reason: CloseReason): void {
    this.abandon();
    this.#near.broke(this.#nearConn, reason);
  }
}
