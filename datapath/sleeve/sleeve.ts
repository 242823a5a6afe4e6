// The sleeve: Ethernet between hosts over sealed UDP, by two threads of our own. This is their main thread's face; it holds what
// they must know, so that a thread that died can be told again, and touches no frame.
import type { Ip, Mac, PeerId, SocketAddress, Vni } from '../../router/types.js';
import { ipBytes, ipFromBytes } from '../../router/address.js';
import { closeQuietly } from './native/io.js';
import { createMemory } from './native/memory.js';
import type { Cipher } from './native/sealing.js';
import { IFREQ, openTap, removeTap, type Tap } from './native/tap.js';
import { openUdp, sockaddr, socketDrops, type Family, type UdpSocket } from './native/udp.js';
import { STORM_FRAMES_PER_S } from './forward/storm.js';
import { Supervisor } from './supervisor.js';
import type { Command, Remote, Report } from './worker/messages.js';
import { PeerBook } from './peer-book.js';
import type { PeerCounter, Total } from './worker/shared.js';

export type { Cipher } from './native/sealing.js';
export { HISTOGRAM_BOUNDS } from './worker/shared.js';

export interface SleeveOptions {
  /** UDP port, 6784 by default. */
  readonly port: number;
  /** Addresses to bind, `0.0.0.0` and `::` for any; a family that is left out is not used. */
  readonly listen: { readonly v4?: Ip; readonly v6?: Ip };
  readonly onEvent: (event: SleeveEvent) => void;
  /** Broadcast and multicast frames a second for each source MAC. */
  readonly stormFramesPerS?: number;
  /** How long the session before still opens, ms. */
  readonly graceMs?: number;
  /** false: `node:crypto` seals, as where the node binary does not export OpenSSL. */
  readonly withEvp?: boolean;
}

export type SleeveEvent =
  /** A peer speaks from another address now, and is sent to there. */
  | { readonly kind: 'moved'; readonly peer: PeerId; readonly remote: SocketAddress }
  /** @param bytes of the probe's whole IP packet */
  | {
      readonly kind: 'probeReply';
      readonly peer: PeerId;
      readonly token: number;
      readonly rttMs: number;
      readonly bytes: number;
    }
  /** The session has sealed so many datagrams that it should have new keys. */
  | { readonly kind: 'needRekey'; readonly peer: PeerId }
  | { readonly kind: 'workerDied'; readonly worker: 'tx' | 'rx'; readonly why: string }
  | { readonly kind: 'workerRestarted'; readonly worker: 'tx' | 'rx' }
  /** The TAP was deleted under us; `setNetwork` makes it again. */
  | { readonly kind: 'tapLost'; readonly vni: Vni }
  /** The fast path lacks a part: it is slower, not wrong. */
  | { readonly kind: 'fallback'; readonly what: 'udp-gro' | 'udp-segment' | 'uso' | 'evp' };

/** What the handshake came to. Indices are 32 bits, not 0, and each side's own choice for what it receives. */
export interface Session {
  readonly cipher: Cipher;
  /** 32 bytes each, one for each direction. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  readonly sendIndex: number;
  readonly receiveIndex: number;
  readonly remote: SocketAddress;
  /** Not 0: `remote` is a relay, and calls the way to the peer this. */
  readonly label?: number;
  /** The peer may not have the keys yet: open with them, and seal with them from its first datagram on. Of two sides one
   *  waits (the one that spoke last in the handshake), and the other sends something at once: a probe will do. */
  readonly waits?: boolean;
}

export interface SleeveCounters {
  readonly peers: ReadonlyMap<PeerId, Readonly<Record<PeerCounter, number>>>;
  /** Drops by reason, and what else is counted. */
  readonly tx: Readonly<Record<Total, number>>;
  readonly rx: Readonly<Record<Total, number>>;
  /** Super-frames by their segments, in the classes of HISTOGRAM_BOUNDS. */
  readonly txSizes: readonly number[];
  readonly rxSizes: readonly number[];
  /** Datagrams that did not fit the sockets' buffers. */
  readonly bufferDrops: number;
}

export interface Sleeve {
  /** Carries a network over the TAP of that name, which is made where there is none; undefined: no longer.
   *  @throws SyscallError EBUSY, EPERM, EINVAL */
  setNetwork(vni: Vni, tapName: string | undefined): void;
  setMac(vni: Vni, mac: Mac, peer: PeerId | undefined): void;
  /** Who gets the broadcast and multicast of a network. */
  setFlood(vni: Vni, peers: readonly PeerId[]): void;
  /** Replaces the peer's session for sending at once; the one before still opens for a while. */
  setSession(peer: PeerId, session: Session): void;
  /** The peer is known to have the keys of a session that waits: seal with them. The first datagram that opens says it too. */
  confirmSession(peer: PeerId, receiveIndex: number): void;
  dropSession(peer: PeerId): void;
  /** Sends the peer's datagrams elsewhere from now on. @param label not 0: over that relay */
  setRemote(peer: PeerId, remote: SocketAddress, label?: number): void;
  /** @param bytes the largest IP packet that the underlay passes to the peer, 576 .. 65535 */
  setPathMtu(peer: PeerId, bytes: number): void;
  /** @param bytes of the whole IP packet. @param token comes back with the reply, 32 bits */
  probe(peer: PeerId, bytes: number, token: number): void;
  /** Passes on what comes from `from` with this label of ours. */
  setRelay(
    label: number,
    route: { readonly from: SocketAddress; readonly to: SocketAddress; readonly toLabel: number } | undefined,
  ): void;
  counters(): SleeveCounters;
  /** TAPs stay, sockets and threads go. Idempotent. */
  close(): Promise<void>;
}

const GRACE_MS = 15_000;
const MIN_PATH_MTU = 576;
const MAX_PATH_MTU = 65_535;

/** @throws SyscallError EADDRINUSE, EPERM */
export const createSleeve = (options: SleeveOptions): Sleeve => new TwoWorkers(options);

/** Removes a TAP that no sleeve uses. @returns was there one? @throws SyscallError EBUSY, EPERM */
export function removeSleeveTap(name: string): boolean {
  const memory = createMemory(4_096);
  return removeTap(memory, memory.take(IFREQ), name);
}

interface Network {
  readonly name: string;
  readonly tap: Tap;
  readonly macs: Map<Mac, PeerId>;
  flood: readonly PeerId[];
  isLost: boolean;
}

class TwoWorkers implements Sleeve {
  readonly #options: SleeveOptions;
  readonly #memory = createMemory(4_096);
  readonly #scratch = this.#memory.take(64);
  readonly #sockets: UdpSocket[] = [];
  readonly #networks = new Map<Vni, Network>();
  readonly #relays = new Map<number, Extract<Command, { kind: 'relay' }>>();
  readonly #peers: PeerBook;
  readonly #workers: Readonly<Record<'tx' | 'rx', Supervisor>>;
  readonly #told = new Set<string>();
  #isClosed = false;

  constructor(options: SleeveOptions) {
    this.#options = options;
    for (const family of ['v4', 'v6'] as const) {
      const ip = options.listen[family];
      if (ip !== undefined) this.#sockets.push(openUdp(family, ipBytes(ip), options.port));
    }
    this.#peers = new PeerBook(options.graceMs ?? GRACE_MS, (command) => this.#tell(command));
    this.#workers = { tx: this.#supervise('tx'), rx: this.#supervise('rx') };
    for (const { hasGro, hasGso } of this.#sockets) {
      if (!hasGro) this.#fallback('udp-gro');
      if (!hasGso) this.#fallback('udp-segment');
    }
  }

  setNetwork(vni: Vni, tapName: string | undefined): void {
    const old = this.#networks.get(vni);
    if (old?.name === tapName && !old?.isLost) return;
    if (old) {
      this.#networks.delete(vni);
      this.#tell({ kind: 'network', vni, fd: undefined, hasUso: true });
      this.#closeLater(old.tap.fd);
    }
    if (tapName === undefined) return;
    const tap = openTap(this.#memory, this.#scratch, tapName);
    if (!tap.hasUso) this.#fallback('uso');
    const network = {
      name: tapName,
      tap,
      isLost: false,
      macs: old?.macs ?? new Map<Mac, PeerId>(),
      flood: old?.flood ?? [],
    };
    this.#networks.set(vni, network);
    for (const command of networkCommands(vni, network)) this.#tell(command);
  }

  setMac(vni: Vni, mac: Mac, peer: PeerId | undefined): void {
    const network = this.#networks.get(vni);
    if (!network) return;
    if (peer === undefined) network.macs.delete(mac);
    else network.macs.set(mac, peer);
    if (peer !== undefined) this.#peers.ensure(peer);
    this.#tell({ kind: 'mac', vni, mac, peer });
  }

  setFlood(vni: Vni, peers: readonly PeerId[]): void {
    const network = this.#networks.get(vni);
    if (!network) return;
    network.flood = [...peers];
    for (const peer of peers) this.#peers.ensure(peer);
    this.#tell({ kind: 'flood', vni, peers: network.flood });
  }

  setSession(peer: PeerId, session: Session): void {
    this.#peers.setSession(peer, session, remoteOf(session.remote, session.label ?? 0));
  }

  confirmSession(peer: PeerId, receiveIndex: number): void {
    this.#peers.heard(peer, receiveIndex);
  }

  dropSession(peer: PeerId): void {
    this.#peers.dropSession(peer);
  }

  setRemote(peer: PeerId, remote: SocketAddress, label = 0): void {
    this.#peers.setRemote(peer, remoteOf(remote, label));
  }

  setPathMtu(peer: PeerId, bytes: number): void {
    this.#peers.setPathMtu(peer, Math.min(MAX_PATH_MTU, Math.max(MIN_PATH_MTU, bytes)));
  }

  probe(peer: PeerId, bytes: number, token: number): void {
    this.#workers.tx.tell({ kind: 'probe', peer, bytes, token });
  }

  setRelay(label: number, route: { from: SocketAddress; to: SocketAddress; toLabel: number } | undefined): void {
    const entry = route && { from: remoteOf(route.from, 0), to: remoteOf(route.to, 0), toLabel: route.toLabel };
    const command = { kind: 'relay', label, entry } as const;
    if (route === undefined) this.#relays.delete(label);
    else this.#relays.set(label, command);
    this.#tell(command);
  }

  counters(): SleeveCounters {
    const { tx, rx } = { tx: this.#workers.tx.totals, rx: this.#workers.rx.totals };
    const drops = this.#sockets.map(({ fd }) => socketDrops(this.#memory, this.#scratch, fd));
    return {
      peers: this.#peers.counters(),
      tx: tx.named(),
      rx: rx.named(),
      txSizes: tx.histogram(),
      rxSizes: rx.histogram(),
      bufferDrops: this.#isClosed ? 0 : drops.reduce((sum, n) => sum + n, 0),
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#peers.close();
    await Promise.all([this.#workers.tx.close(), this.#workers.rx.close()]);
    for (const { fd } of this.#sockets) closeQuietly(fd);
    for (const { tap } of this.#networks.values()) closeQuietly(tap.fd);
  }

  #supervise(role: 'tx' | 'rx'): Supervisor {
    const sockets = Object.fromEntries(this.#sockets.map(({ fd, family, hasGso }) => [family, { fd, hasGso }]));
    const { withEvp = true, stormFramesPerS = STORM_FRAMES_PER_S, onEvent } = this.#options;
    return new Supervisor(
      { role, sockets, withEvp, stormFramesPerS },
      {
        report: (report) => this.#heard(report),
        died: (why) => onEvent({ kind: 'workerDied', worker: role, why }),
        restarted: () => onEvent({ kind: 'workerRestarted', worker: role }),
        snapshot: () => this.#snapshot(),
      },
    );
  }

  #heard(report: Report): void {
    const { onEvent } = this.#options;
    switch (report.kind) {
      case 'ready':
        if (!report.features.evp) this.#fallback('evp');
        return;
      case 'moved': {
        const remote = { ip: ipFromBytes(report.address)!, port: report.port };
        if (this.#peers.setRemote(report.peer, remoteOf(remote, 0)))
          onEvent({ kind: 'moved', peer: report.peer, remote });
        return;
      }
      case 'heard':
        return this.#peers.heard(report.peer, report.receiveIndex);
      case 'tapLost':
        this.#lose(report.vni as Vni);
        return onEvent({ kind: 'tapLost', vni: report.vni as Vni });
      case 'probeReply':
      case 'needRekey':
        return onEvent(report);
    }
  }

  #lose(vni: Vni): void {
    const network = this.#networks.get(vni);
    if (network) network.isLost = true;
  }

  #tell(command: Command): void {
    this.#workers.tx.tell(command);
    this.#workers.rx.tell(command);
  }

  #snapshot(): Command[] {
    return [
      ...this.#peers.snapshot(),
      ...[...this.#networks].flatMap(([vni, network]) => networkCommands(vni, network)),
      ...this.#relays.values(),
    ];
  }

  /** A worker may be reading from it: its number must not be another file's before the worker knows. */
  #closeLater(fd: number): void {
    setTimeout(() => closeQuietly(fd), CLOSE_AFTER_MS);
  }

  #fallback(what: Extract<SleeveEvent, { kind: 'fallback' }>['what']): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.onEvent({ kind: 'fallback', what });
  }
}

const CLOSE_AFTER_MS = 200;

const networkCommands = (vni: Vni, { tap, macs, flood }: Network): Command[] => [
  { kind: 'network', vni, fd: tap.fd, hasUso: tap.hasUso },
  ...[...macs].map(([mac, peer]) => ({ kind: 'mac', vni, mac, peer }) as const),
  { kind: 'flood', vni, peers: flood },
];

function remoteOf({ ip, port }: SocketAddress, label: number): Remote {
  const bytes = ipBytes(ip);
  const family: Family = bytes.length === 4 ? 'v4' : 'v6';
  return { family, sockaddr: sockaddr(family, bytes, port), label };
}
