// The network as the kernel gives it: a TCP listener and a UDP socket for each address family, all on one port.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { isIpv6 } from '../address.js';
import type { Ip, SocketAddress } from '../types.js';
import { plainBytes } from '../wire/bytes.js';
import { usableAddresses } from './local-addresses.js';
import { CannotListen, PortInUse, socketAddress, type Network, type NetworkSink } from './network.js';
import { Streams } from './streams.js';

export interface SocketsOptions {
  /** 0: any that is free for both protocols. */
  readonly port: number;
  /** Listen on this address only, and dial from it. Left out: every address of both families. */
  readonly host?: Ip;
  readonly sink: NetworkSink;
}

const EVERY_ADDRESS = ['0.0.0.0', '::'] as readonly string[] as readonly Ip[];
const MAX_ACCEPTED = 4_096; // a mesh of 1,000 needs 999; a flood of strangers must not use up the file descriptors
const RECEIVE_BUFFER_BYTES = 1024 * 1024; // a burst from 1,000 peers; the kernel may give less
const PORT_TRIES = 16;

export class Sockets implements Network {
  readonly #options: SocketsOptions;
  readonly #streams: Streams;
  readonly #counters = new Map<string, number>();
  #servers: Server[] = [];
  #udp4: UdpSocket | undefined;
  #udp6: UdpSocket | undefined;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#streams = new Streams(options.sink, options.host);
  }

  async listen(): Promise<{ readonly port: number }> {
    for (let tries = 1; ; tries++) {
      try {
        return { port: await this.#listenOn(this.#options.port) };
      } catch (e) {
        await this.#unlisten();
        // The port that TCP was given may be taken in UDP.
        if (this.#options.port !== 0 || tries === PORT_TRIES || !(e instanceof PortInUse)) throw e;
      }
    }
  }

  dial(conn: number, host: string, port: number, timeoutMs: number): void {
    this.#streams.dial(conn, host, port, timeoutMs);
  }

  send(conn: number, bytes: Uint8Array): void {
    this.#streams.send(conn, bytes);
  }

  close(conn: number): void {
    this.#streams.close(conn);
  }

  sendDatagram(to: SocketAddress, bytes: Uint8Array): void {
    const socket = isIpv6(to.ip) ? this.#udp6 : this.#udp4;
    if (socket === undefined) return this.#count('datagram-no-family');
    // EPERM (a firewall), ENETUNREACH, ENOBUFS: to the sender no more than a lost datagram.
    socket.send(bytes, to.port, to.ip, (e) => e && this.#count('datagram-unsent'));
  }

  localAddresses(): readonly Ip[] {
    return this.#options.host === undefined ? usableAddresses() : [this.#options.host];
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  async stop(): Promise<void> {
    this.#streams.stop();
    await this.#unlisten();
  }

  async #listenOn(wanted: number): Promise<number> {
    const { host } = this.#options;
    let port = wanted;
    for (const ip of host === undefined ? EVERY_ADDRESS : [host]) {
      try {
        port = await this.#listenTcp(ip, port);
        await this.#listenUdp(ip, port);
      } catch (e) {
        if (host === undefined && isIpv6(ip) && LACKS_FAMILY.has(errno(e))) continue; // a host without IPv6
        throw explain(e, ip, port);
      }
    }
    return port;
  }

  async #listenTcp(host: Ip, port: number): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#streams.accept(socket));
    server.maxConnections = MAX_ACCEPTED;
    this.#servers.push(server);
    await listening(server, () => server.listen({ host, port, ipv6Only: true }));
    server.on('drop', () => this.#count('stream-over-limit'));
    server.on('error', () => this.#count('stream-not-accepted')); // EMFILE, say: the next one may succeed
    return (server.address() as { port: number }).port;
  }

  async #listenUdp(host: Ip, port: number): Promise<void> {
    const family = isIpv6(host) ? 6 : 4;
    const socket = createSocket({
      type: `udp${family}`,
      ipv6Only: family === 6,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      lookup: (ip, _options, done) => done(null, ip, family), // only addresses are sent to; no resolver, no delay
    });
    if (family === 6) this.#udp6 = socket;
    else this.#udp4 = socket;
    await listening(socket, () => socket.bind(port, host));
    socket.on('error', () => this.#count('datagram-socket-error'));
    socket.on('message', (bytes, from) => this.#received(bytes, from));
  }

  #received(bytes: Uint8Array, info: RemoteInfo): void {
    const from = socketAddress(info.address, info.port);
    if (from === undefined) return this.#count('datagram-source');
    this.#options.sink({ kind: 'datagram', from, bytes: plainBytes(bytes) });
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }

  async #unlisten(): Promise<void> {
    const all = [...this.#servers, this.#udp4, this.#udp6].filter((s) => s !== undefined);
    this.#servers = [];
    this.#udp4 = this.#udp6 = undefined;
    await Promise.all(all.map(closed));
  }
}

/** Waits until it listens, or for the error that comes instead. */
function listening(s: Server | UdpSocket, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    s.once('error', reject);
    s.once('listening', () => {
      s.removeListener('error', reject);
      resolve();
    });
    begin();
  });
}

function closed(s: Server | UdpSocket): Promise<void> {
  return new Promise((done) => {
    try {
      s.close(() => done());
    } catch {
      done(); // a UDP socket that could not bind is closed already
    }
  });
}

const errno = (e: unknown): string => (e as NodeJS.ErrnoException).code ?? '';

const LACKS_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

function explain(e: unknown, ip: Ip, port: number): Error {
  switch (errno(e)) {
    case 'EADDRINUSE':
      return new PortInUse((e as NodeJS.ErrnoException).syscall === 'bind' ? 'udp' : 'tcp', port);
    case 'EADDRNOTAVAIL':
      return new CannotListen(`${ip} is not an address of this host`, 'ip -brief address', e);
    case 'EACCES':
      return new CannotListen(`port ${port} needs privileges`, 'a port above 1023, or sudo', e);
    default:
      return new CannotListen(`cannot listen on ${ip} port ${port}: ${errno(e)}`, 'mesh launch --listen ADDRESS', e);
  }
}
