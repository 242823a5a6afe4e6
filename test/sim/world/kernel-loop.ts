// A router's datapath, as far as tables go: the real wants and plans, brought to a fake kernel that refuses now and then. It is
// `datapath/reconcile.ts` without promises, since a world's time does not stand still for them, and without reading back in
// pieces; waits and order are the same.
import { plans, refuse } from '../../../datapath/apply.js';
import { KernelError, type KernelEvent, type Link, type Row, type RowOp } from '../../../datapath/kernel.js';
import { KnownRows } from '../../../datapath/known-rows.js';
import { linkAlias, portName } from '../../../datapath/names.js';
import type { NetworkWant } from '../../../datapath/network-want.js';
import { planLinks, type LinkStep } from '../../../datapath/plan.js';
import { Want } from '../../../datapath/want.js';
import type { Random } from '../../../router/core.js';
import type { LocalEndpoint } from '../../../router/local-endpoints.js';
import type { ForwardingDelta, Ip, NetworkName, PeerId } from '../../../router/types.js';
import type { FakeKernel } from '../../support/fake-kernel.js';
import { chance } from '../network/link.js';
import type { Process } from './process.js';

const VXLAN_PORT = 6785;
const APPLY_MS = 1;
const REPAIR_MS = 20;
const RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
const RESYNC_MS = 60_000;
const ERRNOS = ['EBUSY', 'ENOBUFS', 'ENOMEM'];

export interface KernelFaults {
  /** The share of operations that the kernel refuses. */
  readonly refuses: number;
  /** The share of its notifications that never come. */
  readonly losesNews: number;
}

export const USUAL_FAULTS: KernelFaults = { refuses: 0.02, losesNews: 0.05 };

export class KernelLoop {
  readonly want: Want;
  readonly #self: PeerId;
  readonly #kernel: FakeKernel;
  readonly #process: Process;
  readonly #faults: KernelFaults;
  readonly #random: Random;
  readonly #known = new KnownRows();
  readonly #unwatch: () => void;
  #isTidy = false;
  #isDue = false;
  #retryMs = RETRY_MS;
  #isRetrying = false;
  #isRepairing = false;

  constructor(
    { id, ip }: { readonly id: PeerId; readonly ip: Ip },
    kernel: FakeKernel,
    process: Process,
    faults: KernelFaults,
    random: Random,
  ) {
    this.want = new Want({ self: id, vxlanPort: VXLAN_PORT, local: { v4: ip } });
    this.#self = id;
    this.#kernel = kernel;
    this.#process = process;
    this.#faults = faults;
    this.#random = random;
    this.#unwatch = kernel.watch((ev) => process.hand(() => this.#hear(ev)));
    this.#armResync();
  }

  apply(deltas: readonly ForwardingDelta[]): void {
    for (const delta of deltas) this.want.apply(delta);
    this.#soon();
  }

  /** From now on what nobody wants is removed. */
  settled(): void {
    this.#isTidy = true;
    this.#resync();
  }

  /** A veth for the endpoint, or the one that an earlier router left. */
  attach({ id, network, mac }: LocalEndpoint): void {
    const [name, mtu] = [portName(id), 1_376];
    this.want.setPort(network, name, { id, mac });
    const spec = { kind: 'veth' as const, name, mtu, alias: linkAlias(this.#self, network, id) };
    if (this.#kernel.link(name) === undefined)
      void this.#kernel.linkAdd({ ...spec, peer: { name: `c${name.slice(2)}`, mac, mtu } });
    this.want.portMade(network, name);
    this.#soon();
  }

  detach(id: LocalEndpoint['id']): void {
    this.want.dropPort(portName(id));
    const link = this.#kernel.link(portName(id));
    if (link !== undefined) void this.#kernel.linkDel(link.index);
    this.#soon();
  }

  /** The router ends; the kernel goes on. */
  end(): void {
    this.#unwatch();
  }

  /** Is all that was asked for done, or refused and to be tried again? */
  get isQuiet(): boolean {
    return !this.#isDue && !this.#isRetrying && !this.#isRepairing && !this.want.linksDirty && this.want.pending === 0;
  }

  /** In what the kernel is not as planned, a line for each; empty when it is. To be asked when it is quiet. */
  differences(): string[] {
    const steps = planLinks(this.want.linkWants(), this.#kernel.linkTable(), this.#isTidy);
    const wanted = new Set([...this.want.networks.values()].flatMap((n) => [...wantedRows(n)]).map(text));
    const have = new Set(this.#kernel.rowTable().map(text));
    return [
      ...steps.map((step) => `link ${JSON.stringify(step)}`),
      ...[...wanted].filter((row) => !have.has(row)).map((row) => `missing ${row}`),
      ...(this.#isTidy ? [...have].filter((row) => !wanted.has(row)).map((row) => `unwanted ${row}`) : []),
    ];
  }

  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#process.after(APPLY_MS, () => this.#pass());
  }

  #pass(): void {
    this.#isDue = false;
    let refused = this.want.linksDirty ? this.#passLinks() : 0;
    this.want.spreadPeers();
    for (const network of this.want.networks.values()) refused += this.#passRows(network);
    if (refused === 0) this.#retryMs = RETRY_MS;
    else this.#retry();
  }

  #passLinks(): number {
    this.want.linksDirty = false;
    const before = this.#kernel.linkTable();
    const steps = planLinks(this.want.linkWants(), before, this.#isTidy);
    const done = steps.filter((step) => !this.#refuses() && this.#take(step));
    const links = this.#kernel.linkTable();
    this.#bind(links, new Set(done.map((step) => (step.op === 'add' ? step.spec.name : step.name))));
    return steps.length - done.length;
  }

  /** @returns whether the kernel took it */
  #take(step: LinkStep): boolean {
    const again = (): void => undefined; // what it did not do is still to be done at the next look
    switch (step.op) {
      case 'add':
        this.#kernel.linkAdd(step.spec).catch(again);
        return this.#kernel.link(step.spec.name) !== undefined;
      case 'del':
        void this.#kernel.linkDel(step.index);
        return true;
      case 'blocked':
        return false;
      case 'set': {
        const [at, master] = [
          this.#kernel.link(step.name),
          step.master === undefined ? undefined : this.#kernel.link(step.master),
        ];
        if (at === undefined || (step.master !== undefined && master === undefined)) return false;
        this.#kernel.linkSet(at.index, { ...(master && { master: master.index }), ...step.change }).catch(again);
        return true;
      }
    }
  }

  #bind(links: readonly Link[], touched: ReadonlySet<string>): void {
    const before = [...this.want.networks.values()].flatMap((network) => network.links());
    const moved = this.want.bindLinks(links);
    const indices = new Set(links.map((link) => link.index));
    for (const index of before) if (!indices.has(index)) this.#known.dropLink(index);
    for (const link of links) {
      if (!touched.has(link.name)) continue;
      this.#known.dropLink(link.index);
      this.want.networkOfLink(link.index)?.markLink(link.index);
    }
    this.#readBack(moved);
  }

  #passRows(network: NetworkWant): number {
    if (network.dirtyCount === 0) return 0;
    let refused = 0;
    for (const plan of plans(network, this.#known)) {
      const ops = this.#isTidy ? plan.ops() : plan.ops().filter(({ op }) => op === 'put');
      for (const { op, row } of ops) this.#known[op](network.name, row);
      for (const { op, error } of this.#write(ops)) {
        refuse(network, this.#known, op, error);
        refused++;
      }
    }
    return refused;
  }

  #write(ops: readonly RowOp[]): readonly { readonly op: RowOp; readonly error: KernelError }[] {
    const failing = new Set(ops.filter(() => this.#refuses()));
    const errno = ERRNOS[failing.size % ERRNOS.length]!;
    const injected = [...failing].map((op) => ({ op, error: new KernelError(`${op.op} ${text(op.row)}`, errno) }));
    return [...injected, ...this.#kernel.perform(ops.filter((op) => !failing.has(op)))];
  }

  #refuses(): boolean {
    return chance(this.#faults.refuses, this.#random);
  }

  #retry(): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#process.after(this.#retryMs, () => {
      this.#isRetrying = false;
      this.want.linksDirty = true;
      this.#pass();
    });
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #hear(ev: KernelEvent): void {
    if (ev.kind === 'learnt' || chance(this.#faults.losesNews, this.#random)) return;
    if (ev.kind === 'rowGone') {
      const network = this.want.networkOfLink(ev.row.link);
      if (network === undefined || !this.#known.del(network.name, ev.row)) return;
      network.markRow(ev.row);
    } else if (ev.kind === 'overrun') return this.#forgetAll();
    else {
      const index = ev.kind === 'link' ? ev.link.index : ev.index;
      if (ev.kind === 'linkGone') this.#known.dropLink(index);
      this.want.networkOfLink(index)?.markLink(index);
      this.want.linksDirty = true;
    }
    this.#repair();
  }

  #repair(): void {
    if (this.#isRepairing) return;
    this.#isRepairing = true;
    this.#process.after(REPAIR_MS, () => {
      this.#isRepairing = false;
      this.#pass();
    });
  }

  #forgetAll(): void {
    for (const network of this.want.networks.values()) {
      this.#known.forget(network.name);
      network.markAll();
    }
    this.#repair();
  }

  #armResync(): void {
    this.#process.after(RESYNC_MS * (0.75 + parseInt(this.#self.slice(0, 4), 16) / 0x20000), () => {
      this.#resync();
      this.#armResync();
    });
  }

  #resync(): void {
    this.#readBack([...this.want.networks.values()]);
    this.want.linksDirty = true;
    this.#soon();
  }

  #readBack(networks: readonly NetworkWant[]): void {
    const by = new Map<NetworkName, Row[]>(networks.map((network) => [network.name, []]));
    for (const row of this.#kernel.rowTable()) {
      const network = this.want.networkOfLink(row.link);
      if (network !== undefined) by.get(network.name)?.push(row);
    }
    this.#known.dumpBegins();
    this.#known.dumpEnds(by);
    for (const network of networks) network.markAll();
  }
}

function* wantedRows(network: NetworkWant): IterableIterator<Row> {
  for (const mac of network.macs()) yield* network.rowsOfMac(mac);
  for (const ip of network.ips()) yield* network.rowsOfIp(ip);
  yield* network.floods();
}

/** @param row as the kernel has it, or as it is wanted: the same row, the same text */
const text = (row: Row): string => Object.entries(row).sort().flat().join(' ');
