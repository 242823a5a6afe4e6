// The loop that makes the kernel agree with what is wanted, and keeps it so whatever else happens on the host.
import type { EndpointId, LinkIndex, NetworkName } from '../router/types.js';
import { applyLinks, applyRows } from './apply.js';
import type { Clock } from './clock.js';
import { KernelError, type Kernel, type KernelEvent, type Link, type Row } from './kernel.js';
import { KnownRows } from './known-rows.js';
import type { NetworkWant } from './network-want.js';
import { planLink, planLinks } from './plan.js';
import type { Want } from './want.js';

export interface ReconcileHooks {
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  /** The port of this endpoint does not exist (any more). */
  onPortGone(id: EndpointId): void;
  /** All that was queued for the network is in the kernel. */
  onApplied(network: NetworkWant): void;
  /** The links as they are, after each look at them: who is behind the bridges may have changed. */
  onLinks(links: readonly Link[]): void;
}

/** First wait before a repair, so that one flush of many rows is one repair; doubled while repairs follow on another. */
const REPAIR_MS = 20;
/** The longest wait: a fight with another tool costs no more than one repair a second, and none takes two. */
const MAX_REPAIR_MS = 1000;
/** After this long without a repair the next is quick again. */
const CALM_MS = 5000;
/** What the kernel refused is tried again after this, doubled up to `MAX_RETRY_MS`. */
const RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
/** Reading everything back, at least this far apart; a dump of 200,000 rows takes 3 s, so more for large tables. */
const RESYNC_MS = 60_000;
const RESYNC_COST_FACTOR = 50;
/** More lost rows than this are not worth a record each. */
const MAX_LOST_ROWS = 10_000;

type Timer = 'repair' | 'retry' | 'resync';

export class Reconciler {
  readonly counters: Record<string, number> = {};
  /** What was refused at the last look at the links; empty when they are as wanted. */
  linkRefusals: readonly KernelError[] = [];
  readonly #known = new KnownRows();
  readonly #kernel: Kernel;
  readonly #want: Want;
  readonly #clock: Clock;
  readonly #hooks: ReconcileHooks;
  readonly #spread: number;
  readonly #timers = new Map<Timer, () => void>();
  readonly #complaints = new Set<string>();
  readonly #lostLinks = new Set<LinkIndex>();
  readonly #toDump = new Set<NetworkWant>();
  #waiting: (() => void)[] = [];
  #lostRows: { readonly network: NetworkWant; readonly row: Row }[] = [];
  #lostAll = false;
  #recheckLinks = false;
  #dumping = false;
  /** Resolves when the loop rests; undefined while it does. */
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #tidy = false;
  #repairMs = REPAIR_MS;
  #repairedAt = -Infinity;
  #retryMs = RETRY_MS;

  /** @param spread in [0, 1): where in the resync period this host reads back, so that not all do at once */
  constructor(kernel: Kernel, want: Want, clock: Clock, hooks: ReconcileHooks, spread = 0) {
    this.#kernel = kernel;
    this.#want = want;
    this.#clock = clock;
    this.#hooks = hooks;
    this.#spread = spread;
    this.#armResync(0);
  }

  /** Something is dirty. All that is queued in one turn of the event loop goes in one pass. */
  kick(): void {
    this.#again = true;
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = Promise.resolve().then(() => this.#run());
  }

  /** From now on what nobody wants is removed. */
  settled(): void {
    this.#tidy = true;
    for (const network of this.#want.networks.values()) network.markAll();
    this.resync();
  }

  /** Reads everything back and repairs it. */
  resync(): void {
    for (const network of this.#want.networks.values()) this.#toDump.add(network);
    this.#want.linksDirty = true;
    this.kick();
  }

  /** Something was done to a link of ours that costs it rows. */
  mistrust(index: LinkIndex): void {
    this.#known.dropLink(index);
    this.#want.networkOfLink(index)?.markLink(index);
    this.kick();
  }

  /** Resolves when what is dirty now was brought to the kernel, or refused by it; at once when the loop has been stopped. */
  flushed(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.kick();
    });
  }

  /** Resolves when nothing more is asked of the kernel but the rest of a dump, whose end is not waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const resolve of this.#waiting.splice(0)) resolve();
    await this.#running;
  }

  /** Looks at all links soon. */
  recheckLinks(): void {
    this.#recheckLinks = true;
    this.#repair('link');
  }

  /** `learnt` is not for us. */
  onEvent(ev: KernelEvent): void {
    switch (ev.kind) {
      case 'link':
        return this.#onLink(ev.link);
      case 'linkGone':
        return this.#onLinkGone(ev.index);
      case 'rowGone':
        return this.#onRowGone(ev.row);
      case 'overrun':
        this.#lostAll = true;
        return this.#repair('overrun');
      case 'learnt':
        return undefined;
    }
  }

  #onLink(link: Link): void {
    const wants = this.#want.linkWants();
    const want = wants.find((w) => w.name === link.name);
    const bridge = link.master === undefined ? undefined : this.#want.networkOfLink(link.master);
    const ours = this.#want.networkOfLink(link.index) !== undefined;
    if (want === undefined && !ours && bridge === undefined) return;
    const master = want?.master && bridge ? link.master : undefined;
    if (want !== undefined && ours && planLink(want, link, master).length === 0) return;
    if (ours) this.#lostLinks.add(link.index);
    this.recheckLinks();
  }

  #onLinkGone(index: LinkIndex): void {
    if (this.#want.networkOfLink(index) === undefined) return;
    this.#known.dropLink(index);
    this.recheckLinks();
  }

  #onRowGone(row: Row): void {
    const network = this.#want.networkOfLink(row.link);
    if (network === undefined || !this.#known.del(network.name, row)) return;
    if (this.#lostRows.length < MAX_LOST_ROWS) this.#lostRows.push({ network, row });
    else this.#lostAll = true;
    this.#repair('row');
  }

  /** Other tools' doing is looked at together, and not too often. */
  #repair(cause: string): void {
    if (this.#timers.has('repair') || this.#stopped) return;
    this.#count(`repair-${cause}`);
    const now = this.#clock.now();
    this.#repairMs = now - this.#repairedAt > CALM_MS ? REPAIR_MS : Math.min(this.#repairMs * 2, MAX_REPAIR_MS);
    this.#repairedAt = now + this.#repairMs;
    this.#arm('repair', this.#repairMs, () => this.#takeLosses());
  }

  #takeLosses(): void {
    for (const { network, row } of this.#lostRows.splice(0)) network.markRow(row);
    for (const index of this.#lostLinks) this.#want.networkOfLink(index)?.markLink(index);
    if (this.#lostAll) this.#forgetAll();
    if (this.#recheckLinks) this.#want.linksDirty = true;
    this.#lostLinks.clear();
    this.#lostAll = this.#recheckLinks = false;
  }

  /** Writes every row again, which is quick; then reads all back, which is not, to find what should not be there. */
  #forgetAll(): void {
    for (const network of this.#want.networks.values()) {
      this.#known.forget(network.name);
      network.markAll();
    }
    this.resync();
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        const served = this.#waiting.splice(0);
        await this.#pass();
        for (const resolve of served) resolve();
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #pass(): Promise<void> {
    const refused: KernelError[] = [];
    try {
      if (this.#want.linksDirty) refused.push(...(await this.#passLinks()));
      if (this.#toDump.size > 0 && !this.#dumping) void this.#dump();
      this.#want.spreadPeers();
      for (const network of this.#want.networks.values()) {
        if (network.dirtyCount === 0) continue;
        refused.push(...(await applyRows(this.#kernel, network, this.#known, this.#tidy)));
        this.#hooks.onApplied(network);
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.linkRefusals = [error]; // the links could not be read
      refused.push(error);
    }
    this.#complain(refused);
  }

  async #passLinks(): Promise<readonly KernelError[]> {
    this.#want.linksDirty = false;
    const expected = [...this.#want.networks.values()].map((network) => ({ network, ports: network.madePorts() }));
    const have = await this.#kernel.links();
    const steps = planLinks(this.#want.linkWants(), have, this.#tidy);
    if (steps.length > 0) this.#count('link-steps', steps.length);
    const { links, touched, refused } = await applyLinks(this.#kernel, have, steps);
    this.linkRefusals = refused;
    this.#bind(links, touched);
    const names = new Set(links.map((link) => link.name));
    for (const { network, ports } of expected)
      for (const port of ports) if (!names.has(port)) this.#dropPort(network, port);
    this.#hooks.onLinks(links);
    return refused;
  }

  #bind(links: readonly Link[], touched: ReadonlySet<string>): void {
    const before = [...this.#want.networks.values()].flatMap((network) => network.links());
    for (const network of this.#want.bindLinks(links)) this.#toDump.add(network);
    const indices = new Set(links.map((link) => link.index));
    for (const index of before) if (!indices.has(index)) this.#known.dropLink(index);
    for (const link of links) {
      if (!touched.has(link.name)) continue;
      this.#known.dropLink(link.index);
      this.#want.networkOfLink(link.index)?.markLink(link.index);
    }
  }

  #dropPort(network: NetworkWant, name: string): void {
    const id = network.dropPort(name);
    if (id !== undefined) this.#hooks.onPortGone(id);
  }

  /** Goes on beside the passes: deltas do not wait for a dump. */
  async #dump(): Promise<void> {
    const startedAt = this.#clock.now();
    const networks = [...this.#toDump];
    this.#toDump.clear();
    this.#dumping = true;
    this.#known.dumpBegins();
    try {
      const rows = await this.#kernel.dumpRows(networks.flatMap((network) => network.links()));
      this.#known.dumpEnds(this.#byNetwork(networks, rows));
      for (const network of networks) network.markAll();
      this.#count('resyncs');
      this.#dumping = false;
      this.#armResync(this.#clock.now() - startedAt);
      this.kick();
    } catch (error) {
      this.#known.dumpFails();
      this.#dumping = false;
      if (this.#stopped) return; // a kernel that was let go of refuses everything
      for (const network of networks) this.#toDump.add(network);
      if (!(error instanceof KernelError)) throw error;
      this.#complain([error]);
    }
  }

  #byNetwork(networks: readonly NetworkWant[], rows: readonly Row[]): Map<NetworkName, Row[]> {
    const by = new Map<NetworkName, Row[]>(networks.map((network) => [network.name, []]));
    for (const row of rows) {
      const network = this.#want.networkOfLink(row.link);
      if (network) by.get(network.name)?.push(row);
    }
    return by;
  }

  #armResync(costMs: number): void {
    const periodMs = Math.max(RESYNC_MS, costMs * RESYNC_COST_FACTOR);
    this.#arm('resync', periodMs * (0.75 + this.#spread / 2), () => this.resync());
  }

  #disarm(timer: Timer): void {
    this.#timers.get(timer)?.();
    this.#timers.delete(timer);
  }

  #arm(timer: Timer, ms: number, run: () => void): void {
    this.#disarm(timer);
    if (this.#stopped) return;
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(timer);
      run();
      this.kick();
    });
    this.#timers.set(timer, cancel);
  }

  /** Logs a kind of refusal once, until nothing is refused any more; tries all again later. */
  #complain(refused: readonly KernelError[]): void {
    if (refused.length === 0 && this.linkRefusals.length === 0) {
      this.#disarm('retry');
      this.#complaints.clear();
      this.#retryMs = RETRY_MS;
      return;
    }
    for (const error of refused) {
      this.#count(`refused-${error.errno}`);
      const kind = `${error.op.split(' ', 3).join(' ')} ${error.errno}`;
      if (!this.#complaints.has(kind)) this.#hooks.log('kernel-refused', { error: error.message, of: refused.length });
      this.#complaints.add(kind);
    }
    if (this.#timers.has('retry')) return;
    this.#arm('retry', this.#retryMs, () => (this.#want.linksDirty = true));
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #count(name: string, by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }
}
