// What must be done so that the kernel has what is wanted: pure, so that every case can be tested without a kernel.
import { isIpv6 } from '../router/address.js';
import type { LinkIndex, Mac } from '../router/types.js';
import type { Link, LinkChange, LinkSpec, PortFlags, Row, RowOp } from './kernel.js';
import { isOurLink } from './names.js';

/** The operations that turn `have` into `want`, both of one network (its bridge has one table for all ports). */
export function planRows(want: readonly Row[], have: readonly Row[]): RowOp[] {
  const plan = new RowPlan();
  plan.add(want, have);
  return plan.ops();
}

/**
 * Collects what differs, key by key. A MAC's bridge entry comes after, and goes before, the vxlan entry it leads to:
 * vxlan floods what it does not know.
 */
export class RowPlan {
  readonly #puts: Record<Row['kind'], RowOp[]> = { self: [], flood: [], neigh: [], master: [] };
  readonly #dels: Record<Row['kind'], RowOp[]> = { self: [], flood: [], neigh: [], master: [] };

  /** @param want, have all there is about some keys; what is said of a key again is the same */
  add(want: readonly Row[], have: readonly Row[]): void {
    if (want.length > 2 || have.length > 4 || (want.length === 2 && want[0]!.kind === want[1]!.kind))
      return this.#addMany(want, have);
    // One MAC or address, a hundred thousand times: without a string for each slot.
    for (const row of want) if (!have.some((h) => isSameRow(row, h))) this.#put(row);
    for (const row of have) if (!want.some((w) => isSameSlot(w, row))) this.#del(row);
  }

  ops(): RowOp[] {
    const [p, d] = [this.#puts, this.#dels];
    return [p.self, p.flood, p.neigh, p.master, d.master, d.neigh, d.flood, d.self].flat();
  }

  #addMany(want: readonly Row[], have: readonly Row[]): void {
    const had = new Map(have.map((row) => [slotOf(row), row]));
    for (const [slot, row] of new Map(want.map((row) => [slotOf(row), row]))) {
      const there = had.get(slot);
      if (there === undefined || !isSameRow(row, there)) this.#put(row);
      had.delete(slot);
    }
    for (const row of had.values()) this.#del(row);
  }

  #put(row: Row): void {
    this.#puts[row.kind].push({ op: 'put', row });
  }

  #del(row: Row): void {
    this.#dels[row.kind].push({ op: 'del', row });
  }
}

/** Two rows with the same slot cannot be there together: the later replaces the earlier. */
export function slotOf(row: Row): string {
  switch (row.kind) {
    case 'self':
      return `s${row.link} ${row.mac}`;
    case 'flood':
      return `f${row.link} ${row.dst} ${row.port}`;
    case 'master':
      return `m${row.mac}`;
    case 'neigh':
      return `n${row.link} ${row.ip}`;
  }
}

function isSameSlot(a: Row, b: Row): boolean {
  if (a.kind === 'master') return b.kind === 'master' && a.mac === b.mac;
  if (a.link !== b.link) return false;
  if (a.kind === 'self') return b.kind === 'self' && a.mac === b.mac;
  if (a.kind === 'neigh') return b.kind === 'neigh' && a.ip === b.ip;
  return b.kind === 'flood' && a.dst === b.dst && a.port === b.port;
}

function isSameRow(a: Row, b: Row): boolean {
  if (a.link !== b.link || !isSameSlot(a, b)) return false;
  if (a.kind === 'self') return b.kind === 'self' && a.dst === b.dst && a.port === b.port;
  return a.kind !== 'neigh' || (b.kind === 'neigh' && a.mac === b.mac);
}

/** A link as it ought to be. */
export interface LinkWant {
  readonly name: string;
  readonly kind: Link['kind'];
  readonly mtu: number;
  readonly alias: string;
  readonly mac?: Mac;
  /** Name of the bridge it is a port of, and how. */
  readonly master?: { readonly name: string; readonly port: PortFlags };
  /** How to make it; undefined for what is kept and not made: a veth, whose far end must be born in its sandbox. */
  readonly spec?: LinkSpec;
}

/** One step towards the wanted links. Links are named, as an index is not known before its link is made. */
export type LinkStep =
  | { readonly op: 'add'; readonly spec: LinkSpec }
  | { readonly op: 'del'; readonly name: string; readonly index: LinkIndex }
  | { readonly op: 'set'; readonly name: string; readonly change: Omit<LinkChange, 'master'>; readonly master?: string }
  /** A link of this name is somebody else's: it is not touched. */
  | { readonly op: 'blocked'; readonly name: string };

/**
 * The steps that turn `have` (every link of the namespace) into `want`, bridges before their ports.
 * @param tidy may links of ours that nobody wants be removed? Not before the table is known to be complete
 */
export function planLinks(want: readonly LinkWant[], have: readonly Link[], tidy: boolean): LinkStep[] {
  const byName = new Map(have.map((link) => [link.name, link]));
  const wanted = new Set(want.map((w) => w.name));
  const steps: LinkStep[] = [];
  for (const link of have)
    if (isOurLink(link) && !wanted.has(link.name) && (tidy || want.some((w) => isInTheWay(link, w))))
      steps.push({ op: 'del', name: link.name, index: link.index });
  for (const w of want) steps.push(...planLink(w, byName.get(w.name), w.master && byName.get(w.master.name)?.index));
  return steps;
}

/** @param master the index of the wanted bridge as it is now; undefined if it has yet to be made */
export function planLink(want: LinkWant, have: Link | undefined, master: LinkIndex | undefined): LinkStep[] {
  if (have === undefined) return want.spec ? [{ op: 'add', spec: want.spec }, ...settingUp(want)] : [];
  if (!isOurLink(have)) return [{ op: 'blocked', name: want.name }];
  if (!canBecome(want, have)) {
    const del: LinkStep = { op: 'del', name: have.name, index: have.index };
    return want.spec ? [del, { op: 'add', spec: want.spec }, ...settingUp(want)] : [del];
  }
  const moves = want.master !== undefined && (have.master === undefined || have.master !== master);
  const port = moves ? want.master?.port : portChange(want, have);
  const change = {
    ...(have.mtu !== want.mtu && { mtu: want.mtu }),
    ...(want.mac !== undefined && have.mac !== want.mac && { mac: want.mac }),
    ...(have.alias !== want.alias && { alias: want.alias }),
    ...(port && { port }),
    ...(!have.up && { up: true }),
  };
  if (!moves && Object.keys(change).length === 0) return [];
  return [{ op: 'set', name: want.name, change, ...(moves && { master: want.master.name }) }];
}

function settingUp(want: LinkWant): LinkStep[] {
  const change = { ...(want.master && { port: want.master.port }), addrGenNone: true, up: true };
  return [{ op: 'set', name: want.name, change, ...(want.master && { master: want.master.name }) }];
}

function portChange(want: LinkWant, have: Link): PortFlags | undefined {
  const flags = Object.entries(want.master?.port ?? {}) as [keyof PortFlags, boolean][];
  const wrong = flags.filter(([flag, value]) => have.port?.[flag] !== value);
  return wrong.length > 0 ? Object.fromEntries(wrong) : undefined;
}

/** The kernel fixes a vxlan's VNI, port, source and learning when it is made, as far as we may ask. */
function canBecome(want: LinkWant, have: Link): boolean {
  if (want.kind !== have.kind) return false;
  if (want.spec?.kind !== 'vxlan') return true;
  const { vni, local, port, df } = want.spec;
  const is = have.vxlan;
  return is?.vni === vni && is.local === local && is.port === port && is.df === df && !is.learning;
}

/** Under another name, but the kernel allows a VNI once for a port and a family. */
function isInTheWay(link: Link, want: LinkWant): boolean {
  if (want.spec?.kind !== 'vxlan' || link.vxlan?.local === undefined) return false;
  const { vni, port, local } = link.vxlan;
  return vni === want.spec.vni && port === want.spec.port && isIpv6(local) === isIpv6(want.spec.local);
}
