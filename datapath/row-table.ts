import type { Ip, LinkIndex, Mac } from '../router/types.js';
import { macNumber, macOfNumber, NeighMap } from './address-map.js';
import type { Row } from './kernel.js';
import { NumberMap } from './number-map.js';

interface Vtep {
  readonly dst: Ip;
  readonly port: number;
}

/**
 * The rows of one network's links, as we believe the kernel has them: a hundred thousand MACs with an address each are
 * three hundred thousand rows, so it keeps tables of numbers and makes `Row` objects only when asked.
 */
export class RowTable {
  /** For each vxlan, the place in `#vteps` of each MAC's. */
  readonly #self = new Map<LinkIndex, NumberMap>();
  readonly #flood = new Map<LinkIndex, Set<string>>();
  /** The port that each MAC is behind. */
  readonly #master = new NumberMap();
  readonly #neigh = new NeighMap();
  /** One for all MACs behind it: rows come peer by peer. */
  readonly #vteps: Vtep[] = [];
  readonly #vtepPlaces = new Map<string, number>();
  #lastVtep = 0;
  #bridge: LinkIndex | undefined;

  get size(): number {
    let size = this.#master.size + this.#neigh.size;
    for (const table of [...this.#self.values(), ...this.#flood.values()]) size += table.size;
    return size;
  }

  put(row: Row): void {
    switch (row.kind) {
      case 'self':
        return void entry(this.#self, row.link, newTable).set(macNumber(row.mac), this.#vtepPlace(row));
      case 'flood':
        return void entry(this.#flood, row.link, newSet).add(vtepOf(row));
      case 'master':
        return void this.#master.set(macNumber(row.mac), row.link);
      case 'neigh':
        if (this.#bridge !== row.link) this.#neigh.clear();
        this.#bridge = row.link;
        return void this.#neigh.set(row.ip, row.mac);
    }
  }

  /**
   * @param row a neighbour's MAC does not count: the kernel no longer knows it when it says that the neighbour is gone
   * @returns false if exactly this row was not there; then nothing changes
   */
  del(row: Row): boolean {
    switch (row.kind) {
      case 'self': {
        const [macs, mac] = [this.#self.get(row.link), macNumber(row.mac)];
        const place = macs?.get(mac);
        return place !== undefined && isSameVtep(this.#vteps[place]!, row) && macs!.delete(mac);
      }
      case 'flood':
        return this.#flood.get(row.link)?.delete(vtepOf(row)) ?? false;
      case 'master': {
        const mac = macNumber(row.mac);
        return this.#master.get(mac) === row.link && this.#master.delete(mac);
      }
      case 'neigh':
        return this.#bridge === row.link && this.#neigh.delete(row.ip);
    }
  }

  /** Every row about `mac`: at most one for each vxlan, and one for the bridge. */
  ofMac(mac: Mac): Row[] {
    const rows: Row[] = [];
    const key = macNumber(mac);
    for (const [link, macs] of this.#self) {
      const place = macs.get(key);
      if (place !== undefined) rows.push(selfRow(link, mac, this.#vteps[place]!));
    }
    const port = this.#master.get(key);
    if (port !== undefined) rows.push({ kind: 'master', link: port as LinkIndex, mac });
    return rows;
  }

  ofIp(ip: Ip): Row[] {
    const mac = this.#neigh.get(ip);
    return mac === undefined ? [] : [{ kind: 'neigh', link: this.#bridge!, ip, mac }];
  }

  floods(): Row[] {
    const rows: Row[] = [];
    for (const [link, vteps] of this.#flood)
      for (const vtep of vteps) rows.push({ kind: 'flood', link, ...parseVtep(vtep) });
    return rows;
  }

  /** Each at least once, though rows are put and deleted meanwhile. */
  *macs(): IterableIterator<Mac> {
    for (const [mac] of this.#master.entries()) yield macOfNumber(mac);
    for (const macs of this.#self.values())
      for (const [mac] of macs.entries()) if (!this.#master.has(mac)) yield macOfNumber(mac);
  }

  ips(): IterableIterator<Ip> {
    return this.#neigh.keys();
  }

  /** The link is gone, or what happened to it cost us our knowledge of its rows. */
  dropLink(link: LinkIndex): void {
    this.#self.delete(link);
    this.#flood.delete(link);
    for (const [mac, port] of this.#master.entries()) if (port === link) this.#master.delete(mac);
    if (this.#bridge === link) this.#neigh.clear();
  }

  #vtepPlace(vtep: Vtep): number {
    const last = this.#vteps[this.#lastVtep];
    if (last === undefined || !isSameVtep(last, vtep))
      this.#lastVtep = entry(this.#vtepPlaces, vtepOf(vtep), () => {
        return this.#vteps.push({ dst: vtep.dst, port: vtep.port }) - 1;
      });
    return this.#lastVtep;
  }
}

const newTable = (): NumberMap => new NumberMap();
const newSet = (): Set<string> => new Set();

const selfRow = (link: LinkIndex, mac: Mac, { dst, port }: Vtep): Row => ({ kind: 'self', link, mac, dst, port });

const isSameVtep = (a: Vtep, b: Vtep): boolean => a.port === b.port && a.dst === b.dst;

const vtepOf = (row: Vtep): string => `${row.dst}|${row.port}`;

function parseVtep(vtep: string): Vtep {
  const bar = vtep.indexOf('|');
  return { dst: vtep.slice(0, bar) as Ip, port: Number(vtep.slice(bar + 1)) };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const have = map.get(key);
  if (have !== undefined) return have;
  const made = make();
  map.set(key, made);
  return made;
}
