// A sleeve that keeps what it is told, and answers probes while a test lets it.
import type { Mac, PeerId, RelayRule, SocketAddress, Vni } from '../../router/types.js';
import type {
  RelayedWay,
  Session,
  Sleeve,
  SleeveCounters,
  SleeveEvent,
  SleeveTraffic,
  SleeveWay,
} from '../../datapath/sleeve/sleeve.js';

interface FakeNetwork {
  readonly tap: string;
  readonly macs: Map<Mac, PeerId>;
  flood: readonly PeerId[];
}

const PEER_COUNTS = { txFrames: 0, txBytes: 0, rxFrames: 0, rxBytes: 0 };

export class FakeSleeve implements Sleeve {
  readonly networks = new Map<Vni, FakeNetwork>();
  readonly sessions = new Map<PeerId, Session>();
  readonly pathMtus = new Map<PeerId, number>();
  readonly relayWays = new Map<PeerId, RelayedWay>();
  readonly relayMtus = new Map<PeerId, number>();
  readonly rules = new Map<number, RelayRule>();
  readonly carriers = new Map<PeerId, SleeveWay>();
  readonly confirmed: number[] = [];
  readonly probed: {
    readonly peer: PeerId;
    readonly way: SleeveWay;
    readonly bytes: number;
    readonly token: number;
  }[] = [];
  /** Every call that changes a table, in order: `mac 02:… 0001`, `flood 0001,0002`. */
  readonly told: string[] = [];
  readonly traffic = new Map<PeerId, typeof PEER_COUNTS>();
  /** Probes to these come back, if they are not longer than the wire, bytes: straight, and by the first relay's name. */
  readonly wires = new Map<PeerId, number>();
  readonly relayWires = new Map<PeerId, number>();
  isClosed = false;
  readonly #emit: (ev: SleeveEvent) => void;

  constructor(onEvent: (ev: SleeveEvent) => void) {
    this.#emit = onEvent;
  }

  /** Something that the threads tell. */
  emit(ev: SleeveEvent): void {
    this.#emit(ev);
  }

  setNetwork(vni: Vni, tapName: string | undefined): void {
    this.told.push(`network ${vni} ${tapName ?? 'none'}`);
    if (tapName === undefined) this.networks.delete(vni);
    else if (this.networks.get(vni)?.tap !== tapName)
      this.networks.set(vni, { tap: tapName, macs: new Map(), flood: [] });
  }

  setMac(vni: Vni, mac: Mac, peer: PeerId | undefined): void {
    this.told.push(`mac ${mac} ${peer?.slice(-4) ?? 'none'}`);
    if (peer === undefined) this.networks.get(vni)?.macs.delete(mac);
    else this.networks.get(vni)?.macs.set(mac, peer);
  }

  setFlood(vni: Vni, peers: readonly PeerId[]): void {
    this.told.push(`flood ${peers.map((p) => p.slice(-4)).join()}`);
    const network = this.networks.get(vni);
    if (network) network.flood = [...peers];
  }

  setSession(peer: PeerId, session: Session): void {
    this.sessions.set(peer, session);
  }

  confirmSession(_peer: PeerId, receiveIndex: number): void {
    this.confirmed.push(receiveIndex);
  }

  dropSession(peer: PeerId): void {
    this.sessions.delete(peer);
  }

  setRemote(peer: PeerId, remote: SocketAddress): void {
    const session = this.sessions.get(peer);
    if (session) this.sessions.set(peer, { ...session, remote });
  }

  relayWay(peer: PeerId, way: RelayedWay | undefined): void {
    if (way === undefined) this.relayWays.delete(peer);
    else this.relayWays.set(peer, way);
  }

  carry(peer: PeerId, way: SleeveWay): void {
    this.carriers.set(peer, way);
  }

  setPathMtu(peer: PeerId, way: SleeveWay, bytes: number): void {
    (way === 'direct' ? this.pathMtus : this.relayMtus).set(peer, bytes);
  }

  probe(peer: PeerId, way: SleeveWay, bytes: number, token: number): void {
    this.probed.push({ peer, way, bytes, token });
    const via = this.relayWays.get(peer)?.via;
    const wire = way === 'direct' ? this.wires.get(peer) : via && this.relayWires.get(via);
    if (!this.sessions.has(peer) || bytes > (wire ?? 0)) return;
    queueMicrotask(() => this.#emit({ kind: 'probeReply', peer, token, rttMs: 0, bytes }));
  }

  relayRule(label: number, rule: RelayRule | undefined): void {
    if (rule === undefined) this.rules.delete(label);
    else this.rules.set(label, rule);
  }

  peerCounters(peer: PeerId): ReturnType<Sleeve['peerCounters']> {
    return this.traffic.get(peer) as ReturnType<Sleeve['peerCounters']>;
  }

  /** All of it by the direct way. */
  peerTraffic(peer: PeerId): SleeveTraffic | undefined {
    const counted = this.traffic.get(peer);
    const nothing = { ...PEER_COUNTS, txDatagrams: 0, rxDatagrams: 0, txSplit: 0, txSizes: [], rxSizes: [], drops: {} };
    return counted && { direct: { ...nothing, ...counted }, relay: nothing, rekeys: 0 };
  }

  counters(): SleeveCounters {
    const [tx, rx] = [{}, {}] as SleeveCounters['tx'][];
    const peers = new Map([...this.traffic].map(([peer, n]) => [peer, n as never]));
    return { peers, tx: tx!, rx: rx!, txSizes: [], rxSizes: [], bufferDrops: 0 };
  }

  /** Frames went to the peer and came from it. */
  moveFrames(peer: PeerId, frames: number, bytes: number): void {
    const was = this.traffic.get(peer) ?? PEER_COUNTS;
    this.traffic.set(peer, {
      txFrames: was.txFrames + frames,
      rxFrames: was.rxFrames + frames,
      txBytes: was.txBytes + bytes,
      rxBytes: was.rxBytes + bytes,
    });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}
