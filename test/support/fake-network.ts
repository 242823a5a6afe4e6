// A Network without sockets: hosts in one process, in an underlay that a test can cut. Nothing in it waits or draws.
import { isIpv6, parseIp } from '../../router/address.js';
import {
  MAX_QUEUED_BYTES,
  PortInUse,
  type CloseReason,
  type Network,
  type NetworkEvent,
  type NetworkSink,
} from '../../router/runtime/network.js';
import type { Ip, SocketAddress } from '../../router/types.js';

export interface UnderlayOptions {
  /** Runs `work` after so many ms; left out, as soon as the present work is done. */
  readonly schedule?: (delayMs: number, work: () => void) => void;
  readonly latencyMs?: number;
  /** May a datagram be dropped? Streams lose nothing. */
  readonly loses?: () => boolean;
}

/** What hosts are connected by. As a wire: it drops, never blocks, and copies what it carries. */
export class FakeUnderlay {
  /** Names for `dial`. */
  readonly names = new Map<string, readonly Ip[]>();
  readonly #hosts = new Map<Ip, FakeNetwork>();
  readonly #options: UnderlayOptions;
  #reaches: (from: Ip, to: Ip) => boolean = () => true;
  #lastPort = 49_151;

  constructor(options: UnderlayOptions = {}) {
    this.#options = options;
  }

  /** A host at these addresses. Another one there takes its place for what comes later. */
  host(addresses: readonly string[], port: number, sink: NetworkSink): FakeNetwork {
    return new FakeNetwork(this, addresses as readonly Ip[], port, sink);
  }

  /** Cut and heal: datagrams vanish, dials time out; open streams do not notice, and carry on when it heals. */
  setReach(reaches: (from: Ip, to: Ip) => boolean): void {
    this.#reaches = reaches;
    this.flush();
  }

  /** Moves what was held up on streams and no longer is. */
  flush(): void {
    for (const host of new Set(this.#hosts.values())) host.flush();
  }

  reaches(from: Ip, to: Ip): boolean {
    return this.#reaches(from, to);
  }

  at(to: SocketAddress): FakeNetwork | undefined {
    const host = this.#hosts.get(to.ip);
    return host?.port === to.port ? host : undefined;
  }

  plug(ip: Ip, host: FakeNetwork): void {
    const there = this.#hosts.get(ip);
    if (there !== undefined && there !== host && there.port === host.port) throw new PortInUse('tcp', host.port);
    this.#hosts.set(ip, host);
  }

  unplug(ip: Ip, host: FakeNetwork): void {
    if (this.#hosts.get(ip) === host) this.#hosts.delete(ip);
  }

  freePort(): number {
    return ++this.#lastPort;
  }

  loses(): boolean {
    return this.#options.loses?.() ?? false;
  }

  later(work: () => void, delayMs = this.#options.latencyMs ?? 0): void {
    if (this.#options.schedule === undefined) setImmediate(work);
    else this.#options.schedule(delayMs, work);
  }
}

interface Pipe {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** The other end. */
  readonly host: FakeNetwork;
  readonly far: number;
  /** What is on its way to the other end; undefined is the end of the stream. */
  readonly queue: (Uint8Array | undefined)[];
}

export class FakeNetwork implements Network {
  port: number;
  readonly #underlay: FakeUnderlay;
  readonly #addresses: readonly Ip[];
  readonly #sink: NetworkSink;
  readonly #pipes = new Map<number, Pipe>();
  readonly #dials = new Set<number>();
  #lastAccepted = 0;
  #up = false;
  #deaf = false;

  constructor(underlay: FakeUnderlay, addresses: readonly Ip[], port: number, sink: NetworkSink) {
    this.#underlay = underlay;
    this.#addresses = addresses;
    this.#sink = sink;
    this.port = port;
  }

  listen(): Promise<{ readonly port: number }> {
    return new Promise((done) => done(this.#listenNow()));
  }

  dial(conn: number, host: string, port: number, timeoutMs: number): void {
    const literal = parseIp(host);
    const targets = literal === undefined ? this.#underlay.names.get(host) : [literal];
    this.close(conn);
    this.#dials.add(conn);
    if (targets === undefined) return this.#fail(conn, 'unresolvable', 0);
    const routes = targets.flatMap((ip) =>
      this.#addresses.filter((a) => isIpv6(a) === isIpv6(ip)).map((from) => ({ from, ip })),
    );
    if (routes.length === 0) return this.#fail(conn, 'unreachable', 0);
    const open = routes.find(({ from, ip }) => this.#underlay.reaches(from, ip) && this.#underlay.reaches(ip, from));
    if (open === undefined) return this.#fail(conn, 'timeout', timeoutMs);
    this.#underlay.later(() => this.#connect(conn, open.from, { ip: open.ip, port }));
  }

  send(conn: number, bytes: Uint8Array): void {
    const pipe = this.#pipes.get(conn);
    if (pipe === undefined) return;
    const queuedBytes = pipe.queue.reduce((sum, b) => sum + (b?.length ?? 0), 0);
    if (queuedBytes + bytes.length > MAX_QUEUED_BYTES) return this.#break(conn, 'slow peer');
    this.#enqueue(pipe, bytes.slice());
  }

  close(conn: number): void {
    this.#dials.delete(conn);
    const pipe = this.#pipes.get(conn);
    if (pipe === undefined) return;
    this.#pipes.delete(conn);
    this.#enqueue(pipe, undefined);
  }

  /** While it is deaf, what others send to its streams piles up with them. */
  setDeaf(isDeaf: boolean): void {
    this.#deaf = isDeaf;
    this.#underlay.flush();
  }

  flush(): void {
    for (const pipe of this.#pipes.values()) this.#underlay.later(() => this.#deliver(pipe));
  }

  sendDatagram(to: SocketAddress, bytes: Uint8Array): void {
    const from = this.#addresses.find((a) => isIpv6(a) === isIpv6(to.ip));
    if (!this.#up || from === undefined || this.#underlay.loses()) return;
    const copy = bytes.slice();
    this.#underlay.later(() => {
      if (!this.#underlay.reaches(from, to.ip)) return;
      const host = this.#underlay.at(to);
      if (host !== undefined) host.#emit({ kind: 'datagram', from: { ip: from, port: this.port }, bytes: copy });
    });
  }

  localAddresses(): readonly Ip[] {
    return this.#addresses;
  }

  counters(): Readonly<Record<string, number>> {
    return {};
  }

  stop(): Promise<void> {
    for (const conn of [...this.#pipes.keys()]) this.#break(conn, 'ended');
    this.#dials.clear();
    this.#up = false;
    for (const ip of this.#addresses) this.#underlay.unplug(ip, this);
    return Promise.resolve();
  }

  #listenNow(): { readonly port: number } {
    if (this.port === 0) this.port = this.#underlay.freePort();
    for (const ip of this.#addresses) this.#underlay.plug(ip, this);
    this.#up = true;
    return { port: this.port };
  }

  #connect(conn: number, from: Ip, to: SocketAddress): void {
    if (!this.#dials.has(conn)) return;
    const host = this.#underlay.at(to);
    if (host === undefined) return this.#fail(conn, 'refused', 0);
    this.#dials.delete(conn);
    const local = { ip: from, port: this.#underlay.freePort() };
    const far = --host.#lastAccepted;
    this.#pipes.set(conn, { local, remote: to, host, far, queue: [] });
    host.#pipes.set(far, { local: to, remote: local, host: this, far: conn, queue: [] });
    host.#emit({ kind: 'opened', conn: far, remote: local, local: to, outbound: false });
    this.#emit({ kind: 'opened', conn, remote: to, local, outbound: true });
  }

  #fail(conn: number, reason: 'unresolvable' | 'unreachable' | 'timeout' | 'refused', afterMs: number): void {
    const emit = (): void => {
      if (this.#dials.delete(conn)) this.#emit({ kind: 'dialFailed', conn, reason, sentence: `fake: ${reason}` });
    };
    this.#underlay.later(emit, afterMs);
  }

  #enqueue(pipe: Pipe, bytes: Uint8Array | undefined): void {
    pipe.queue.push(bytes);
    this.#underlay.later(() => this.#deliver(pipe));
  }

  #deliver(pipe: Pipe): void {
    if (pipe.host.#deaf || !this.#underlay.reaches(pipe.local.ip, pipe.remote.ip)) return;
    for (const bytes of pipe.queue.splice(0)) {
      if (bytes === undefined) pipe.host.#closed(pipe.far, 'ended');
      else if (pipe.host.#pipes.has(pipe.far)) pipe.host.#emit({ kind: 'received', conn: pipe.far, bytes });
    }
  }

  /** Both ends hear of it, the other one if it can be reached. */
  #break(conn: number, reason: CloseReason): void {
    const pipe = this.#pipes.get(conn)!;
    this.#underlay.later(() => this.#closed(conn, reason));
    this.#underlay.later(() => {
      if (this.#underlay.reaches(pipe.local.ip, pipe.remote.ip)) pipe.host.#closed(pipe.far, 'reset');
    });
  }

  #closed(conn: number, reason: CloseReason): void {
    if (this.#pipes.delete(conn)) this.#emit({ kind: 'closed', conn, reason });
  }

  #emit(ev: NetworkEvent): void {
    if (this.#up) this.#sink(ev);
  }
}
