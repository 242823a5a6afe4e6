// A Linux of Maps: it refuses what Linux refuses, with the same errno, and can be made to fail or be disturbed.
import type { Cidr, LinkIndex, Mac } from '../../router/types.js';
import { cidrIp, isIpv6 } from '../../router/address.js';
import { KernelError, type Kernel, type KernelEvent, type LearntMac } from '../../datapath/kernel.js';
import type { Link, LinkChange, LinkSpec, PortFlags, Row, RowOp } from '../../datapath/kernel.js';
import { FakeNamespaces } from './fake-namespaces.js';
import { FakeRows } from './fake-rows.js';

type FakeLink = { -readonly [K in keyof Link]: Link[K] } & { far?: { kernel: FakeKernel; link: FakeLink } };

const sameVxlan = (a: NonNullable<Link['vxlan']>, b: LinkSpec & { kind: 'vxlan' }): boolean =>
  a.vni === b.vni && a.port === b.port && isIpv6(a.local!) === isIpv6(b.local);

const NEW_PORT: Required<PortFlags> = {
  learning: true,
  flood: true,
  mcastFlood: true,
  bcastFlood: true,
  neighSuppress: false,
  isolated: false,
};

interface Refused {
  readonly op: RowOp;
  readonly error: KernelError;
}

/** One network namespace. Calls take effect at once; notifications come a microtask later. */
export class FakeKernel implements Kernel {
  readonly namespaces: FakeNamespaces;
  /** When a notification comes: for a simulator to say. */
  notify: (tell: () => void) => void = queueMicrotask;
  /** Kinds of link that it has no module for. */
  readonly lacks = new Set<LinkSpec['kind']>();
  /** How often each method was called, and `rowOps` performed. */
  readonly calls: Record<string, number> = {};
  readonly #links = new Map<number, FakeLink>();
  readonly #rows = new FakeRows();
  readonly #learnt = new Map<Mac, LinkIndex>();
  #addrs: { link: LinkIndex; cidr: Cidr }[] = [];
  readonly #listeners = new Set<(ev: KernelEvent) => void>();
  readonly #failures = new Map<number, string>();
  #callCount = 0;
  #nextIndex = 1;

  constructor(namespaces: FakeNamespaces = new FakeNamespaces()) {
    this.namespaces = namespaces;
    this.#insert({ name: 'lo', kind: 'other', mac: '00:00:00:00:00:00' as Mac, mtu: 65536, up: true });
  }

  /** The `n`-th state-changing call or row operation from now (1 is the next) is refused with `errno`. */
  failNth(n: number, errno: string): void {
    this.#failures.set(this.#callCount + n, errno);
  }

  linkAdd(spec: LinkSpec): Promise<LinkIndex> {
    return this.#try('linkAdd', `ip link add ${spec.name} type ${spec.kind}`, (fail) => {
      if (this.lacks.has(spec.kind)) fail('EOPNOTSUPP', 'Unknown device type');
      this.#checkName(spec.name, fail);
      const common = { name: spec.name, mtu: spec.mtu, alias: spec.alias };
      if (spec.kind === 'bridge' && spec.mac === '00:00:00:00:00:00') fail('EADDRNOTAVAIL');
      if (spec.kind === 'bridge') return this.#insert({ ...common, kind: 'bridge', mac: spec.mac }).index;
      if (spec.kind === 'veth') return this.#addVeth(spec, fail);
      if (spec.kind === 'tap') return this.#insert({ ...common, kind: 'tap', mac: this.#anyMac() }).index;
      const { vni, local, port, df } = spec;
      if (vni >= 2 ** 24) fail('ERANGE');
      const isThere = this.linkTable().some(({ vxlan: v }) => v && sameVxlan(v, spec));
      if (isThere) fail('EEXIST', 'A VXLAN device with the specified VNI already exists');
      const vxlan = { vni, local, port, df, learning: false };
      return this.#insert({ ...common, kind: 'vxlan', mac: spec.mac ?? this.#anyMac(), vxlan }).index;
    });
  }

  linkSet(index: LinkIndex, change: LinkChange): Promise<void> {
    return this.#try('linkSet', `ip link set if${index}`, (fail) => {
      const link = this.#links.get(index) ?? fail('ENODEV');
      if (change.name !== undefined && change.name !== link.name) {
        this.#checkName(change.name, fail);
        link.name = change.name;
      }
      if (change.master !== undefined) this.#setMaster(link, change.master ?? undefined, fail);
      if (change.port !== undefined) link.port = { ...(link.port ?? fail('EOPNOTSUPP')), ...change.port };
      if (change.mac !== undefined) this.#setMac(link, change.mac);
      if (change.mtu !== undefined) link.mtu = change.mtu;
      if (change.alias !== undefined) link.alias = change.alias || undefined;
      if (change.up !== undefined) this.#setUp(link, change.up);
    });
  }

  linkDel(index: LinkIndex): Promise<void> {
    return this.#try('linkDel', `ip link del if${index}`, () => this.#remove(index, false));
  }

  links(): Promise<readonly Link[]> {
    this.#count('links');
    return Promise.resolve(this.linkTable());
  }

  addrAdd(index: LinkIndex, cidr: Cidr): Promise<void> {
    return this.#try('addrAdd', `ip addr add ${cidr} dev if${index}`, (fail) => {
      if (!this.#links.has(index)) fail('ENODEV');
      if (!this.#addrs.some((a) => a.link === index && a.cidr === cidr)) this.#addrs.push({ link: index, cidr });
    });
  }

  addrDel(index: LinkIndex, cidr: Cidr): Promise<void> {
    return this.#try('addrDel', `ip addr del ${cidr} dev if${index}`, (fail) => {
      if (!this.#links.has(index)) fail('ENODEV');
      this.#delAddr(index, cidr);
    });
  }

  addrs(index?: LinkIndex): Promise<readonly { readonly link: LinkIndex; readonly cidr: Cidr }[]> {
    return Promise.resolve(this.#addrs.filter((a) => index === undefined || a.link === index));
  }

  rows(ops: readonly RowOp[]): Promise<readonly Refused[]> {
    return Promise.resolve(this.perform(ops));
  }

  /** As `rows`, for who cannot wait. */
  perform(ops: readonly RowOp[]): readonly Refused[] {
    this.#count('rows');
    const refused: Refused[] = [];
    for (const op of ops) {
      this.#count('rowOps');
      const errno = this.#nextFailure() ?? this.#rows.perform(op, this.#links.get(op.row.link));
      const command = op.row.kind === 'neigh' ? 'ip neigh' : 'bridge fdb';
      if (errno) refused.push({ op, error: new KernelError(`${command} ${op.op} ${JSON.stringify(op.row)}`, errno) });
    }
    return refused;
  }

  dumpRows(links: readonly LinkIndex[]): Promise<readonly Row[]> {
    this.#count('dumpRows');
    return Promise.resolve(this.rowTable().filter((row) => links.includes(row.link)));
  }

  learntMacs(bridge: LinkIndex): Promise<readonly LearntMac[]> {
    const all = [...this.#learnt].map(([mac, link]) => ({ mac, link }));
    return Promise.resolve(all.filter(({ link }) => this.#links.get(link)?.master === bridge));
  }

  watch(listener: (ev: KernelEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  inNamespace(netns: number): Kernel {
    return this.namespaces.at(netns);
  }

  close(): void {
    this.#listeners.clear();
  }

  // What tests look at, and what other tools on the host do.

  linkTable(): Link[] {
    return [...this.#links.values()].map(({ far: _far, ...link }) => ({ ...link }));
  }

  rowTable(): Row[] {
    return this.#rows.all();
  }

  link(name: string): Link | undefined {
    return this.linkTable().find((l) => l.name === name);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** `bridge fdb flush dev LINK`, `ip neigh flush nud permanent dev LINK`, by row kind. */
  pokeFlush(name: string, kinds: readonly Row['kind'][] = ['self', 'flood', 'master', 'neigh']): void {
    const index = this.link(name)?.index;
    this.#dropRows((row) => row.link === index && kinds.includes(row.kind));
  }

  /** `ip link del NAME` */
  pokeLinkDel(name: string): void {
    const link = this.link(name);
    if (link !== undefined) this.#remove(link.index, true);
  }

  /** `ip link set NAME up|down`. A bridge that goes down loses its permanent neighbours [ran]. */
  pokeUp(name: string, up: boolean): void {
    this.#poke(name, (link) => this.#setUp(link, up));
  }

  /** `ip link set NAME nomaster`: the port's flags and bridge entries are gone with it. */
  pokeMaster(name: string, bridge: string | undefined): void {
    const master = bridge === undefined ? undefined : this.link(bridge)?.index;
    this.#poke(name, (link) => this.#setMaster(link, master, failNow));
  }

  /** `bridge link set dev NAME FLAGS` */
  pokePort(name: string, flags: PortFlags): void {
    this.#poke(name, (link) => (link.port = { ...(link.port ?? NEW_PORT), ...flags }));
  }

  /** `ip link set NAME address MAC`. A bridge loses its permanent neighbours [ran]. */
  pokeMac(name: string, mac: Mac): void {
    this.#poke(name, (link) => this.#setMac(link, mac));
  }

  pokeMtu(name: string, mtu: number): void {
    this.#poke(name, (link) => (link.mtu = mtu));
  }

  /** Somebody else's row, or somebody else's value in ours. Linux notifies; `Kernel` has no event for it. */
  pokeRow(row: Row): void {
    this.#rows.perform({ op: 'put', row }, this.#links.get(row.link));
  }

  pokeAddrDel(name: string, cidr: Cidr): void {
    this.#delAddr(this.link(name)!.index, cidr);
  }

  /** A frame from `mac` came in on a port; the bridge learns it if the port does. */
  pokeFrame(name: string, mac: Mac): void {
    const link = this.link(name)!;
    if (!link.port?.learning || this.#rows.hasMaster(mac, link.master!) || this.#learnt.get(mac) === link.index) return;
    this.#learnt.set(mac, link.index);
    this.#emit({ kind: 'learnt', entry: { link: link.index, mac }, present: true });
  }

  pokeAged(mac: Mac): void {
    const link = this.#learnt.get(mac);
    if (link === undefined) return;
    this.#learnt.delete(mac);
    this.#emit({ kind: 'learnt', entry: { link, mac }, present: false });
  }

  /** Does `change` without a single notification, then reports the overrun that hid it. */
  pokeUnseen(change: () => void): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    change();
    for (const listener of listeners) this.#listeners.add(listener);
    this.#emit({ kind: 'overrun' });
  }

  #poke(name: string, change: (link: FakeLink) => void): void {
    const link = [...this.#links.values()].find((l) => l.name === name);
    if (link === undefined) return;
    change(link);
    this.#emit({ kind: 'link', link: this.link(name)! });
  }

  #emit(ev: KernelEvent): void {
    for (const listener of this.#listeners) this.notify(() => this.#listeners.has(listener) && listener(ev));
  }

  #count(name: string): void {
    this.calls[name] = (this.calls[name] ?? 0) + 1;
  }

  #nextFailure(): string | undefined {
    const errno = this.#failures.get(++this.#callCount);
    this.#failures.delete(this.#callCount);
    return errno;
  }

  #try<T>(name: string, op: string, run: (fail: Fail) => T): Promise<T> {
    this.#count(name);
    const errno = this.#nextFailure();
    if (errno !== undefined) return Promise.reject(new KernelError(op, errno));
    const fail: Fail = (code, extack) => {
      throw new KernelError(op, code, extack);
    };
    // The executor runs at once, and what it throws is the rejection.
    return new Promise((resolve) => resolve(run(fail)));
  }

  #checkName(name: string, fail: Fail): void {
    if (name.length > 15 || name.length === 0) fail('EINVAL');
    if (this.link(name) !== undefined) fail('EEXIST');
  }

  #anyMac(): Mac {
    return `02:fa:4e:00:00:${this.#nextIndex.toString(16).padStart(2, '0').slice(-2)}` as Mac;
  }

  #insert(link: Pick<FakeLink, 'name' | 'kind' | 'mac' | 'mtu'> & Partial<FakeLink>): FakeLink {
    const blank = { up: false, alias: undefined, master: undefined, port: undefined, vxlan: undefined };
    const made: FakeLink = { ...blank, ...link, index: this.#nextIndex++ as LinkIndex };
    this.#links.set(made.index, made);
    return made;
  }

  #addVeth(spec: LinkSpec & { kind: 'veth' }, fail: Fail): LinkIndex {
    const { netns, name, mac, mtu } = spec.peer;
    const there = netns === undefined ? this : this.namespaces.at(netns);
    if (name === spec.name && there === this) fail('EEXIST');
    there.#checkName(name, fail);
    const common = { name: spec.name, kind: 'veth' as const, mac: this.#anyMac(), mtu: spec.mtu, alias: spec.alias };
    const near = this.#insert(common);
    const far = there.#insert({ name, kind: 'veth', mac, mtu });
    near.far = { kernel: there, link: far };
    far.far = { kernel: this, link: near };
    return near.index;
  }

  #remove(index: LinkIndex, tell: boolean): void {
    const link = this.#links.get(index);
    if (link === undefined || link.name === 'lo') return;
    this.#links.delete(index);
    for (const port of this.#links.values()) {
      if (port.master !== index) continue;
      this.#setMaster(port, undefined, failNow);
      this.#emit({ kind: 'link', link: this.link(port.name)! });
    }
    this.#dropRows((row) => row.link === index);
    this.#forgetLearnt(index);
    this.#addrs = this.#addrs.filter((a) => a.link !== index);
    if (tell) this.#emit({ kind: 'linkGone', index, name: link.name });
    if (link.far) link.far.kernel.#remove(link.far.link.index, tell || link.far.kernel !== this);
  }

  #setMaster(link: FakeLink, master: LinkIndex | undefined, fail: Fail): void {
    if (link.master === master) return;
    if (master !== undefined && this.#links.get(master)?.kind !== 'bridge') fail('EOPNOTSUPP');
    this.#dropRows((row) => row.kind === 'master' && row.link === link.index);
    this.#forgetLearnt(link.index);
    link.master = master;
    link.port = master === undefined ? undefined : NEW_PORT;
  }

  #setMac(link: FakeLink, mac: Mac): void {
    if (link.mac !== mac) this.#dropRows((row) => row.kind === 'neigh' && row.link === link.index);
    link.mac = mac;
  }

  #setUp(link: FakeLink, up: boolean): void {
    if (link.up && !up) this.#dropRows((row) => row.kind === 'neigh' && row.link === link.index);
    link.up = up;
  }

  #delAddr(index: LinkIndex, cidr: Cidr): void {
    const had = this.#addrs.length;
    this.#addrs = this.#addrs.filter((a) => a.link !== index || a.cidr !== cidr);
    const v4Left = this.#addrs.some((a) => a.link === index && !isIpv6(cidrIp(a.cidr)));
    if (had === this.#addrs.length || isIpv6(cidrIp(cidr)) || v4Left) return;
    this.#dropRows((row) => row.kind === 'neigh' && row.link === index && !isIpv6(row.ip));
  }

  /** Linux forgets the MAC of a neighbour before it says that it is gone [ran]. */
  #dropRows(gone: (row: Row) => boolean): void {
    for (const row of this.#rows.drop(gone))
      this.#emit({ kind: 'rowGone', row: row.kind === 'neigh' ? { ...row, mac: NO_MAC } : row });
  }

  #forgetLearnt(index: LinkIndex): void {
    for (const [mac, link] of this.#learnt) if (link === index) this.#learnt.delete(mac);
  }
}

const NO_MAC = '00:00:00:00:00:00' as Mac;

type Fail = (errno: string, extack?: string) => never;
const failNow: Fail = (errno) => {
  throw new KernelError('poke', errno);
};
