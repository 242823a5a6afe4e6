// Which addresses may send VXLAN to us, and from which MACs: kept as the forwarding table changes.
import type { Ip, Mac, PeerId, Vni } from '../../router/types.js';
import { macNumber } from '../address-map.js';
import type { Nft } from '../paths/nft/traffic.js';
import { knownElement, limitedName } from './flood-rules.js';
import type { PeerSource, RemoteMacs } from './guard.js';
import { OwnTable, type Wanted } from './own-table.js';
import { bridgeElement, doorElements, memberElement, OwnedKey, underlayTable } from './underlay-table.js';

interface Peer {
  readonly source: PeerSource;
  /** The addresses that its MACs may come from; none where no VXLAN is taken from it. */
  readonly keys: readonly OwnedKey[];
}

export class UnderlayGuard {
  readonly table: OwnTable;
  #macs: RemoteMacs = () => [];
  readonly #peers = new Map<PeerId, Peer>();
  /** Peers whose MACs are in the table under other addresses, or under none. */
  readonly #moved = new Map<PeerId, Peer | undefined>();
  /** By set and key in hexadecimal: peers may share an address. */
  #shared = new Map<string, Wanted>();
  /** Where a peer's sleeve was last heard, which may be an address that it does not know of. */
  readonly #heard = new Map<PeerId, Ip>();
  #bridges: readonly string[] = [];
  readonly #port: number;

  constructor(vxlanPort: number, nft: Nft, repaired: () => void, now?: () => number) {
    this.#port = vxlanPort - 2;
    this.table = new OwnTable(underlayTable(vxlanPort), nft, () => this.#wanted(), repaired, now);
  }

  start(macs: RemoteMacs): void {
    this.#macs = macs;
  }

  /** @returns whether anything is to be done */
  setPeer(peer: PeerId, source: PeerSource | undefined): boolean {
    const old = this.#peers.get(peer);
    if (isSame(old?.source, source)) return false;
    if (source === undefined) this.#heard.delete(peer);
    if (source === undefined) this.#peers.delete(peer);
    else this.#peers.set(peer, { source, keys: source.plain.map((ip) => new OwnedKey(ip)) });
    if (!this.#moved.has(peer)) this.#moved.set(peer, old);
    return true;
  }

  heardAt(peer: PeerId, ip: Ip): void {
    if (this.#peers.has(peer)) this.#heard.set(peer, ip);
  }

  setBridges(names: readonly string[]): void {
    this.#bridges = names;
  }

  /** Of one network: the MAC is behind another peer than before. */
  setMac(vni: Vni, mac: Mac, before: PeerId | undefined, after: PeerId | undefined): void {
    const number = macNumber(mac);
    this.#change('delete', this.#inTable(before), vni, number);
    this.#change('add', this.#inTable(after), vni, number);
  }

  /** The network's MACs have another VNI, or it has none any more. @param macs of that network alone */
  setVni(before: Vni | undefined, after: Vni | undefined, macs: Iterable<readonly [mac: number, owner: PeerId]>): void {
    for (const [mac, owner] of macs) {
      if (before !== undefined) this.#change('delete', this.#inTable(owner), before, mac);
      if (after !== undefined) this.#change('add', this.#inTable(owner), after, mac);
    }
  }

  /** Tells the table of the peers that came, went or moved: one walk for all of them. To be called before it is ensured. */
  spread(): void {
    this.#spreadShared();
    if (this.#moved.size === 0) return;
    for (const [vni, mac, owner] of this.#macs()) {
      if (!this.#moved.has(owner)) continue;
      this.#change('delete', this.#moved.get(owner), vni, mac);
      this.#change('add', this.#peers.get(owner), vni, mac);
    }
    this.#moved.clear();
  }

  /** Frames and packets dropped, by the names of counters. */
  totals(): Record<string, number> {
    const sum = (set: string, named: (key: string) => boolean = () => true): number =>
      [...this.table.counts(set)].filter(([key]) => named(key)).reduce((total, [, { frames }]) => total + frames, 0);
    const totals = {
      'guard-forged': sum('forged4') + sum('forged6'),
      'guard-stranger-vxlan': sum('stranger'),
      'guard-inside': sum('inside'),
      ...this.dropped(),
    };
    return Object.fromEntries(Object.entries(totals).filter(([, n]) => n > 0));
  }

  /** Packets that were too many since the table was made, by the names of counters. */
  dropped(): Record<string, number> {
    return {
      ...this.#limited('guard-limited', 'limited'),
      ...this.#limited('guard-limited-members', 'member_limited'),
    };
  }

  #limited(name: string, set: string): Record<string, number> {
    const counts = [...this.table.counts(set)];
    return Object.fromEntries(
      counts.map(([key, { frames }]) => [`${name}-${limitedName(this.#port, key)}`, frames] as const),
    );
  }

  *#wanted(): Iterable<Wanted> {
    yield* this.#shared.values();
    for (const [vni, mac, owner] of this.#macs())
      for (const key of this.#inTable(owner)?.keys ?? []) yield [key.set, key.of(vni, mac)];
  }

  /** As the table has it, which is told of changes when they are spread. */
  #inTable(peer: PeerId | undefined): Peer | undefined {
    if (peer === undefined) return undefined;
    return this.#moved.has(peer) ? this.#moved.get(peer) : this.#peers.get(peer);
  }

  #change(op: 'add' | 'delete', peer: Peer | undefined, vni: Vni, mac: number): void {
    if (peer === undefined) return;
    for (const key of peer.keys) this.table.change(op, key.set, key.of(vni, mac));
  }

  #spreadShared(): void {
    const now = new Map<string, Wanted>();
    const want = (wanted: Wanted): void => void now.set(nameOf(wanted), wanted);
    for (const name of this.#bridges) want(bridgeElement(name));
    for (const { source } of this.#peers.values()) {
      for (const ip of source.plain) want(memberElement(ip));
      for (const ip of source.from) [...doorElements(ip, source.vxlanPort), knownElement(ip)].forEach(want);
    }
    for (const ip of this.#heard.values()) want(knownElement(ip));
    for (const [name, wanted] of this.#shared) if (!now.has(name)) this.table.change('delete', ...wanted);
    for (const [name, wanted] of now) if (!this.#shared.has(name)) this.table.change('add', ...wanted);
    this.#shared = now;
  }
}

const nameOf = ([set, key]: Wanted): string => `${set} ${Buffer.from(key).toString('hex')}`;

function isSame(a: PeerSource | undefined, b: PeerSource | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const same = (x: readonly Ip[], y: readonly Ip[]): boolean =>
    x.length === y.length && x.every((ip, i) => ip === y[i]);
  return a.vxlanPort === b.vxlanPort && same(a.from, b.from) && same(a.plain, b.plain);
}
