// Open TCP streams by number: dialled, accepted, written to without ever waiting, closed.
import type { Socket } from 'node:net';
import type { Ip } from '../types.js';
import { plainBytes } from '../wire/bytes.js';
import { BROKEN_OFF, dialHost } from './dial.js';
import { MAX_QUEUED_BYTES, socketAddress, type CloseReason, type NetworkSink } from './network.js';

interface Stream {
  readonly socket: Socket;
  reason: CloseReason;
}

/** A chunk of this size is of a stream of records, and more follows. */
const LARGE_BYTES = 32_768;
const FLUSH_MS = 2_000; // for the last words to a peer that we close

export class Streams {
  readonly #sink: NetworkSink;
  readonly #from: Ip | undefined;
  readonly #open = new Map<number, Stream>();
  readonly #dials = new Map<number, AbortController>();
  /** Closed by us, with something still to send. */
  readonly #parting = new Set<Socket>();
  #lastAccepted = 0;
  #stopped = false;

  /** @param from the address to dial from; undefined leaves the choice to the kernel */
  constructor(sink: NetworkSink, from: Ip | undefined) {
    this.#sink = sink;
    this.#from = from;
  }

  /** A dial with a number already in use replaces it. */
  dial(conn: number, host: string, port: number, timeoutMs: number): void {
    if (this.#stopped) return;
    this.close(conn);
    const abort = new AbortController();
    this.#dials.set(conn, abort);
    void dialHost({ host, port, timeoutMs, signal: abort.signal, from: this.#from }).then((outcome) => {
      const isWanted = this.#dials.get(conn) === abort && this.#dials.delete(conn);
      if ('socket' in outcome && isWanted) this.#add(conn, outcome.socket, true);
      else if ('socket' in outcome) outcome.socket.destroy();
      else if (isWanted) this.#sink({ kind: 'dialFailed', conn, ...outcome });
    });
  }

  accept(socket: Socket): void {
    if (this.#stopped) socket.destroy();
    else this.#add(--this.#lastAccepted, socket, false);
  }

  send(conn: number, bytes: Uint8Array): void {
    const stream = this.#open.get(conn);
    if (stream === undefined || stream.socket.destroyed) return;
    if (stream.socket.writableLength + bytes.length > MAX_QUEUED_BYTES) {
      stream.reason = 'slow peer';
      stream.socket.destroy();
      return;
    }
    gather(stream.socket);
    stream.socket.write(bytes);
  }

  close(conn: number): void {
    this.#dials.get(conn)?.abort();
    this.#dials.delete(conn);
    const socket = this.#open.get(conn)?.socket;
    if (socket === undefined) return;
    this.#open.delete(conn);
    this.#parting.add(socket);
    const timer = setTimeout(() => socket.destroy(), FLUSH_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#parting.delete(socket);
    });
    // Not destroyed when flushed: with unread input that would be a reset, and the other side could lose our last words.
    socket.end();
  }

  /** Breaks everything off, silently. */
  stop(): void {
    this.#stopped = true;
    for (const abort of this.#dials.values()) abort.abort();
    this.#dials.clear();
    const sockets = [...[...this.#open.values()].map((s) => s.socket), ...this.#parting];
    this.#open.clear();
    for (const socket of sockets) socket.destroy();
  }

  #add(conn: number, socket: Socket, outbound: boolean): void {
    socket.on('error', () => undefined); // 'close' follows
    const remote = socketAddress(socket.remoteAddress, socket.remotePort);
    const local = socketAddress(socket.localAddress, socket.localPort);
    if (remote === undefined || local === undefined) return this.#stillborn(conn, socket, outbound);
    const stream: Stream = { socket, reason: 'ended' };
    this.#open.set(conn, stream);
    this.#follow(conn, stream);
    this.#sink({ kind: 'opened', conn, remote, local, outbound });
  }

  #follow(conn: number, stream: Stream): void {
    const isOpen = (): boolean => this.#open.get(conn) === stream;
    stream.socket.on('data', (bytes) => {
      if (bytes.length >= LARGE_BYTES) breathe(stream.socket);
      if (isOpen()) this.#sink({ kind: 'received', conn, bytes: plainBytes(bytes) });
    });
    stream.socket.on('error', (e) => {
      if (stream.reason === 'ended') stream.reason = closeReason(e);
    });
    stream.socket.on('close', () => {
      if (isOpen() && this.#open.delete(conn)) this.#sink({ kind: 'closed', conn, reason: stream.reason });
    });
  }

  /** Reset between the kernel's accept or connect and ours. */
  #stillborn(conn: number, socket: Socket, outbound: boolean): void {
    socket.destroy();
    if (outbound) this.#sink({ kind: 'dialFailed', conn, reason: 'failed', sentence: BROKEN_OFF });
  }
}

/** What one event makes us say to a peer goes in one system call: beside it, a write of a small frame costs all else. */
function gather(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  process.nextTick(() => socket.uncork());
}

/** Reads on in the next turn of the event loop: Node reads up to 32 chunks in one, and records take 50 ns a byte to understand. */
function breathe(socket: Socket): void {
  socket.pause();
  setImmediate(() => socket.resume());
}

function closeReason(e: NodeJS.ErrnoException): CloseReason {
  if (['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(e.code ?? '')) return 'reset';
  return ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'].includes(e.code ?? '') ? 'unreachable' : 'failed';
}
