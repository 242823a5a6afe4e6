// The main thread's part: it holds what the workers must know, so that one that died can be told again, and touches no frame.
import { ipBytes, ipFromBytes } from '../../router/address.js';
import type { Mac, PeerId, RelayRule, SocketAddress, Vni } from '../../router/types.js';
import type { FastPart } from './fast-path.js';
import { STORM_FRAMES_PER_S } from './forward/storm.js';
import { closeQuietly } from './native/io.js';
import { createMemory } from './native/memory.js';
import { openTap, type Tap } from './native/tap.js';
import {
  BUFFER_BYTES,
  openUdp,
  receiveBuffer,
  sockaddr,
  socketDrops,
  type Family,
  type UdpSocket,
} from './native/udp.js';
import { PeerBook } from './peer-book.js';
import type { Session, Sleeve, SleeveCounters, SleeveOptions, SleeveTraffic } from './sleeve.js';
import { Supervisor } from './supervisor.js';
import type { Command, RelayedWay, Remote, Report, SleeveWay } from './worker/messages.js';
import type { PeerCounter } from './worker/peer-counters.js';

type Role = 'tx' | 'rx';

const GRACE_MS = 15_000;
const MIN_PATH_MTU = 576;
const MAX_PATH_MTU = 65_535;

interface Network {
  readonly name: string;
  readonly tap: Tap;
  readonly macs: Map<Mac, PeerId>;
  flood: readonly PeerId[];
  isLost: boolean;
}

export class TwoWorkers implements Sleeve {
  readonly #options: SleeveOptions;
  readonly #without: readonly FastPart[];
  readonly #memory = createMemory(4_096);
  readonly #scratch = this.#memory.take(64);
  readonly #sockets: UdpSocket[] = [];
  readonly #networks = new Map<Vni, Network>();
  readonly #rules = new Map<number, RelayRule>();
  readonly #peers: PeerBook;
  readonly #workers: Readonly<Record<Role, Supervisor>>;
  readonly #busy = new SharedArrayBuffer(8);
  readonly #told = new Set<string>();
  /** TAPs that are not used any more → who has not yet said so. */
  readonly #ending = new Map<number, Set<Role>>();
  #isClosed = false;

  constructor(options: SleeveOptions) {
    this.#options = options;
    this.#without = options.without ?? [];
    for (const family of ['v4', 'v6'] as const) {
      const ip = options.listen[family];
      if (ip !== undefined) this.#sockets.push(openUdp(family, ipBytes(ip), options.port, this.#without));
    }
    this.#peers = new PeerBook(options.graceMs ?? GRACE_MS, (command) => this.#tell(command));
    this.#workers = { tx: this.#supervise('tx'), rx: this.#supervise('rx') };
    for (const { fd, hasGro, hasGso } of this.#sockets) {
      if (!hasGro) this.#fallback('udp-gro');
      if (!hasGso) this.#fallback('udp-segment');
      if (receiveBuffer(this.#memory, this.#scratch, fd) < BUFFER_BYTES) this.#fallback('socket-buffer');
    }
  }

  setNetwork(vni: Vni, tapName: string | undefined): void {
    const old = this.#networks.get(vni);
    if (old?.name === tapName && !old?.isLost) return;
    if (old) {
      this.#networks.delete(vni);
      this.#end(vni, old.tap.fd);
    }
    if (tapName === undefined) return;
    const tap = openTap(this.#memory, this.#scratch, tapName, !this.#without.includes('uso'));
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
    if (session.cipher === 'chacha20-poly1305') this.#fallback('aes');
    this.#peers.setSession(peer, session, session.remote && remoteOf(session.remote));
  }

  confirmSession(peer: PeerId, receiveIndex: number): void {
    this.#peers.heard(peer, receiveIndex);
  }

  dropSession(peer: PeerId): void {
    this.#peers.dropSession(peer);
  }

  setRemote(peer: PeerId, remote: SocketAddress): void {
    this.#peers.setRemote(peer, remoteOf(remote));
  }

  relayWay(peer: PeerId, way: RelayedWay | undefined): void {
    this.#peers.setRelayWay(peer, way);
  }

  carry(peer: PeerId, way: SleeveWay): void {
    this.#peers.carry(peer, way);
  }

  setPathMtu(peer: PeerId, way: SleeveWay, bytes: number): void {
    this.#peers.setPathMtu(peer, way, Math.min(MAX_PATH_MTU, Math.max(MIN_PATH_MTU, bytes)));
  }

  probe(peer: PeerId, way: SleeveWay, bytes: number, token: number): void {
    this.#workers.tx.tell({ kind: 'probe', peer, way, bytes, token });
  }

  relayRule(label: number, rule: RelayRule | undefined): void {
    if (rule === undefined) this.#rules.delete(label);
    else {
      for (const peer of [rule.from, rule.to]) this.#peers.ensure(peer);
      this.#rules.set(label, rule);
    }
    this.#workers.rx.tell({ kind: 'relayRule', label, rule });
  }

  peerCounters(peer: PeerId): Readonly<Record<PeerCounter, number>> | undefined {
    return this.#peers.countersOf(peer);
  }

  peerTraffic(peer: PeerId): SleeveTraffic | undefined {
    return this.#peers.trafficOf(peer);
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
    for (const fd of [...this.#ending.keys(), ...[...this.#networks.values()].map((n) => n.tap.fd)]) closeQuietly(fd);
  }

  #supervise(role: Role): Supervisor {
    const sockets = Object.fromEntries(this.#sockets.map(({ fd, family, hasGso }) => [family, { fd, hasGso }]));
    const { stormFramesPerS = STORM_FRAMES_PER_S, onEvent } = this.#options;
    const withEvp = !this.#without.includes('evp');
    return new Supervisor(
      { role, sockets, withEvp, stormFramesPerS, busy: this.#busy },
      {
        report: (report) => this.#heard(role, report),
        died: (why) => {
          this.#released(role, this.#ending.keys());
          onEvent({ kind: 'workerDied', worker: role, why });
        },
        restarted: () => onEvent({ kind: 'workerRestarted', worker: role }),
        snapshot: () => this.#snapshot(),
      },
    );
  }

  #heard(role: Role, report: Report): void {
    const { onEvent } = this.#options;
    switch (report.kind) {
      case 'released':
        return this.#released(role, [report.fd]);
      case 'ready':
        if (!report.features.evp) this.#fallback('evp');
        return;
      case 'moved': {
        const remote = { ip: ipFromBytes(report.address)!, port: report.port };
        if (this.#peers.setRemote(report.peer, remoteOf(remote))) onEvent({ kind: 'moved', peer: report.peer, remote });
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
      ...[...this.#rules].map(([label, rule]): Command => ({ kind: 'relayRule', label, rule })),
    ];
  }

  #end(vni: Vni, fd: number): void {
    const users = (['tx', 'rx'] as const).filter((role) => this.#workers[role].isAlive);
    this.#ending.set(fd, new Set(users));
    if (users.length === 0) this.#close(fd);
    this.#tell({ kind: 'endNetwork', vni, fd });
  }

  #close(fd: number): void {
    this.#ending.delete(fd);
    closeQuietly(fd);
  }

  /** A TAP is closed when neither worker uses it: else its number could be another file's under their hands. */
  #released(role: Role, fds: Iterable<number>): void {
    for (const fd of [...fds]) {
      const users = this.#ending.get(fd);
      users?.delete(role);
      if (users?.size === 0) this.#close(fd);
    }
  }

  #fallback(what: FastPart): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.onEvent({ kind: 'fallback', what });
  }
}

const networkCommands = (vni: Vni, { tap, macs, flood }: Network): Command[] => [
  { kind: 'network', vni, fd: tap.fd, hasUso: tap.hasUso },
  ...[...macs].map(([mac, peer]) => ({ kind: 'mac', vni, mac, peer }) as const),
  { kind: 'flood', vni, peers: flood },
];

function remoteOf({ ip, port }: SocketAddress): Remote {
  const bytes = ipBytes(ip);
  const family: Family = bytes.length === 4 ? 'v4' : 'v6';
  return { family, sockaddr: sockaddr(family, bytes, port) };
}
