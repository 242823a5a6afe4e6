import type { Ip, LinkIndex, Mac } from '../router/types.js';
import type { Row } from './kernel.js';

/**
 * The rows of one network's links, as we believe the kernel has them: a hundred thousand MACs with an address each are
 * three hundred thousand rows, so it keeps maps of shared strings and makes `Row` objects only when asked.
 */
export class RowTable {
  readonly #self = new Map<LinkIndex, Map<Mac, string>>();
  readonly #flood = new Map<LinkIndex, Set<string>>();
  readonly #master = new Map<Mac, LinkIndex>();
  readonly #neigh = new Map<Ip, Mac>();
  /** One string for all MACs behind one vtep. */
  readonly #vteps = new Map<string, string>();
  /** Rows come peer by peer: a hundred thousand times the same. */
  #lastVtep: { readonly dst: Ip | undefined; readonly port: number; readonly text: string } = {
    dst: undefined,
    port: 0,
    text: '',
  };
  #bridge: LinkIndex | undefined;

  get size(): number {
    let size = this.#master.size + this.#neigh.size;
    for (const table of [...this.#self.values(), ...this.#flood.values()]) size += table.size;
    return size;
  }

  put(row: Row): void {
    switch (row.kind) {
      case 'self':
        return void entry(this.#self, row.link, newMap).set(row.mac, this.#vtep(row));
      case 'flood':
        return void entry(this.#flood, row.link, () => new Set()).add(this.#vtep(row));
      case 'master':
        return void this.#master.set(row.mac, row.link);
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
        const macs = this.#self.get(row.link);
        return macs?.get(row.mac) === vtepOf(row) && macs.delete(row.mac);
      }
      case 'flood':
        return this.#flood.get(row.link)?.delete(vtepOf(row)) ?? false;
      case 'master':
        return this.#master.get(row.mac) === row.link && this.#master.delete(row.mac);
      case 'neigh':
        return this.#bridge === row.link && this.#neigh.delete(row.ip);
    }
  }

  /** Every row about `mac`: at most one for each vxlan, and one for the bridge. */
  ofMac(mac: Mac): Row[] {
    const rows: Row[] = [];
    for (const [link, macs] of this.#self) {
      const vtep = macs.get(mac);
      if (vtep !== undefined) rows.push({ kind: 'self', link, mac, ...parseVtep(vtep) });
    }
    const port = this.#master.get(mac);
    if (port !== undefined) rows.push({ kind: 'master', link: port, mac });
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

  /** Each at least once. */
  *macs(): IterableIterator<Mac> {
    yield* this.#master.keys();
    for (const macs of this.#self.values()) for (const mac of macs.keys()) if (!this.#master.has(mac)) yield mac;
  }

  ips(): IterableIterator<Ip> {
    return this.#neigh.keys();
  }

  /** The link is gone, or what happened to it cost us our knowledge of its rows. */
  dropLink(link: LinkIndex): void {
    this.#self.delete(link);
    this.#flood.delete(link);
    for (const [mac, port] of this.#master) if (port === link) this.#master.delete(mac);
    if (this.#bridge === link) this.#neigh.clear();
  }

  #vtep({ dst, port }: { readonly dst: Ip; readonly port: number }): string {
    const last = this.#lastVtep;
    if (last.dst === dst && last.port === port) return last.text;
    const made = vtepOf({ dst, port });
    const text = entry(this.#vteps, made, () => made);
    this.#lastVtep = { dst, port, text };
    return text;
  }
}

const newMap = (): Map<Mac, string> => new Map();

const vtepOf = (row: { readonly dst: Ip; readonly port: number }): string => `${row.dst}|${row.port}`;

function parseVtep(vtep: string): { readonly dst: Ip; readonly port: number } {
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
