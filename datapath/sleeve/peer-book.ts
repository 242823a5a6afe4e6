// What the main thread knows of each peer: its session and the ones before it, the ways to it, and its counters.
import type { PeerId } from '../../router/types.js';
import type { Session, SleeveTraffic } from './sleeve.js';
import type { Command, RelayedWay, Remote, SessionKeys, SleeveWay } from './worker/messages.js';
import { createPeerBuffer, PeerCounts, type PeerCounter } from './worker/peer-counters.js';
import { createSessionBuffer } from './worker/shared.js';

/** Sessions before the current one that still open: two rekeys within the grace, and no more. */
const MAX_OLD = 2;

interface OldSession {
  readonly keys: SessionKeys;
  readonly timer: NodeJS.Timeout;
}

interface Peer {
  readonly buffer: SharedArrayBuffer;
  readonly counts: PeerCounts;
  rekeys: number;
  keys: SessionKeys | undefined;
  /** Keys that the peer may not have yet. */
  next: SessionKeys | undefined;
  /** Where it is, and where it was last said to be: a peer that has moved stays where it was heard, whatever is said again. */
  remote: Remote | undefined;
  said: Remote | undefined;
  relay: RelayedWay | undefined;
  carrier: SleeveWay;
  readonly pathMtus: Partial<Record<SleeveWay, number>>;
  old: OldSession[];
}

export class PeerBook {
  readonly #graceMs: number;
  readonly #tell: (command: Command) => void;
  readonly #peers = new Map<PeerId, Peer>();

  constructor(graceMs: number, tell: (command: Command) => void) {
    this.#graceMs = graceMs;
    this.#tell = tell;
  }

  /** Makes the peer known to the workers. Idempotent. */
  ensure(id: PeerId): Peer {
    const known = this.#peers.get(id);
    if (known) return known;
    const buffer = createPeerBuffer();
    const blank = { keys: undefined, next: undefined, remote: undefined, said: undefined, relay: undefined } as const;
    const counts = new PeerCounts(buffer);
    const peer: Peer = { buffer, counts, rekeys: 0, ...blank, carrier: 'direct', pathMtus: {}, old: [] };
    this.#peers.set(id, peer);
    this.#tell({ kind: 'peer', peer: id, counters: buffer });
    return peer;
  }

  setSession(id: PeerId, session: Session, said: Remote | undefined): void {
    const peer = this.ensure(id);
    const { cipher, sendKey, receiveKey, sendIndex, receiveIndex } = session;
    const keys = { cipher, sendKey, receiveKey, sendIndex, receiveIndex, state: createSessionBuffer() };
    if (!sameRemote(peer.said, said)) peer.remote = said;
    peer.said = said;
    const { remote } = peer;
    if (session.waits !== true || peer.keys === undefined) return this.#use(id, peer, keys, remote);
    if (peer.next) this.#tell({ kind: 'expire', receiveIndex: peer.next.receiveIndex });
    peer.next = keys;
    this.#tell(sessionCommand(id, keys, remote, false));
  }

  /** The peer has sealed with these keys, so it can open what we seal with them. */
  heard(id: PeerId, receiveIndex: number): void {
    const peer = this.#peers.get(id);
    if (peer?.next?.receiveIndex === receiveIndex) this.#use(id, peer, peer.next, peer.remote);
  }

  #use(id: PeerId, peer: Peer, keys: SessionKeys, remote: Remote | undefined): void {
    if (peer.keys) {
      this.#retire(peer, peer.keys);
      peer.rekeys++;
    }
    if (peer.next && peer.next !== keys) this.#tell({ kind: 'expire', receiveIndex: peer.next.receiveIndex });
    peer.next = undefined;
    peer.keys = keys;
    this.#tell(sessionCommand(id, keys, remote, true));
  }

  dropSession(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    for (const old of peer.old) clearTimeout(old.timer);
    peer.old = [];
    peer.keys = peer.next = undefined;
    this.#tell({ kind: 'endSession', peer: id });
  }

  /** @returns false where the peer has no session */
  setRemote(id: PeerId, remote: Remote): boolean {
    const peer = this.#peers.get(id);
    if (peer?.keys === undefined) return false;
    peer.remote = remote;
    this.#tell({ kind: 'remote', peer: id, remote });
    return true;
  }

  /** What was found out about the way before it holds no longer. */
  setRelayWay(id: PeerId, way: RelayedWay | undefined): void {
    const peer = this.ensure(id);
    if (way !== undefined) this.ensure(way.via);
    peer.relay = way && { via: way.via, label: way.label };
    delete peer.pathMtus.relay;
    this.#tell({ kind: 'relayWay', peer: id, way: peer.relay });
  }

  carry(id: PeerId, way: SleeveWay): void {
    this.ensure(id).carrier = way;
    this.#tell({ kind: 'carry', peer: id, way });
  }

  setPathMtu(id: PeerId, way: SleeveWay, bytes: number): void {
    this.ensure(id).pathMtus[way] = bytes;
    this.#tell({ kind: 'pathMtu', peer: id, way, bytes });
  }

  countersOf(id: PeerId): Readonly<Record<PeerCounter, number>> | undefined {
    return this.#peers.get(id)?.counts.sums();
  }

  trafficOf(id: PeerId): SleeveTraffic | undefined {
    const peer = this.#peers.get(id);
    return peer && { direct: peer.counts.way('direct'), relay: peer.counts.way('relay'), rekeys: peer.rekeys };
  }

  counters(): Map<PeerId, Record<PeerCounter, number>> {
    return new Map([...this.#peers].map(([id, { counts }]) => [id, counts.sums()]));
  }

  /** What a new worker must hear of the peers. The counters that sealed stay in shared memory, so none is used twice. */
  snapshot(): Command[] {
    const peers = [...this.#peers];
    return [
      ...peers.map(([peer, { buffer }]): Command => ({ kind: 'peer', peer, counters: buffer })), // ways name others
      ...peers.flatMap(([peer, { keys, next, remote, old }]): Command[] => [
        ...old.map((o) => sessionCommand(peer, o.keys, remote, false)),
        ...(next === undefined ? [] : [sessionCommand(peer, next, remote, false)]),
        ...(keys === undefined ? [] : [sessionCommand(peer, keys, remote, true)]),
      ]),
      ...peers.flatMap(([peer, known]) => wayCommands(peer, known)),
    ];
  }

  close(): void {
    for (const { old } of this.#peers.values()) for (const { timer } of old) clearTimeout(timer);
  }

  #retire(peer: Peer, keys: SessionKeys): void {
    const timer = setTimeout(() => this.#expire(peer, keys), this.#graceMs);
    timer.unref();
    peer.old.push({ keys, timer });
    if (peer.old.length <= MAX_OLD) return;
    const oldest = peer.old[0]!;
    clearTimeout(oldest.timer);
    this.#expire(peer, oldest.keys);
  }

  #expire(peer: Peer, keys: SessionKeys): void {
    peer.old = peer.old.filter((o) => o.keys !== keys);
    this.#tell({ kind: 'expire', receiveIndex: keys.receiveIndex });
  }
}

const sessionCommand = (peer: PeerId, keys: SessionKeys, remote: Remote | undefined, sends: boolean): Command => ({
  kind: 'session',
  peer,
  keys,
  remote,
  sends,
});

const sameRemote = (a: Remote | undefined, b: Remote | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a.sockaddr, b.sockaddr) === 0;

const wayCommands = (peer: PeerId, { relay, carrier, pathMtus }: Peer): Command[] => [
  ...(relay === undefined ? [] : [{ kind: 'relayWay', peer, way: relay } as const]),
  ...(['direct', 'relay'] as const).flatMap((way): Command[] => {
    const bytes = pathMtus[way];
    return bytes === undefined ? [] : [{ kind: 'pathMtu', peer, way, bytes }];
  }),
  ...(carrier === 'direct' ? [] : [{ kind: 'carry', peer, way: carrier } as const]),
];
