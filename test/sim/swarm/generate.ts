// A scenario from a seed. Swarm testing (Groce et al., ISSTA 2012): each scenario draws which kinds of trouble there are
// and how often, since what never happens lets other things happen long enough.
import { Draws } from './draws.js';
import type { LinkSpec } from '../network/link.js';
import { maliceSteps } from './malice-steps.js';
import type { Action, Disk, HostName, Scenario, Step } from './scenario.js';

interface Way {
  readonly from: HostName;
  readonly to: HostName;
}
interface Attached {
  readonly host: HostName;
  readonly id: string;
  readonly ip: string;
  readonly mac: string;
}

const SLEEVE_RATE = 0.12;
const MANY_RATE = 0.03;
const MANY_HOSTS = 16;
/** Of the trouble. */
const SHORTEST_MS = 5_000;
const LONGEST_MS = 60_000;
const LONGEST_PAUSE_MS = 8_000;
/** Of thin lines, bits a second and bytes. */
const RATES = [128e3, 1e6, 10e6];
const QUEUES = [8_192, 262_144];
/** From what all IPv4 hosts take in (RFC 1122 §3.3.2) to what a tunnel leaves of 1,500. */
const MTUS = [576, 1_280, 1_420];

/** @returns the same for the same seed */
export function generate(seed: number): Scenario {
  return new Generator(seed).scenario();
}

/** What it remembers is a guess, for most steps to be possible: the runner knows. */
class Generator {
  readonly #seed: number;
  readonly #draws: Draws;
  readonly #hosts: HostName[];
  readonly #isSleeved: boolean;
  readonly #hasSlowDisks: boolean;
  readonly #hasKernels: boolean;
  readonly #fullMesh: number | undefined;
  readonly #steps: Step[] = [];
  readonly #down = new Set<HostName>();
  readonly #cuts: Way[] = [];
  readonly #wired: Way[] = [];
  readonly #natted = new Set<HostName>();
  readonly #ips: number;
  #attached: Attached[] = [];
  #ids = 0;
  #at = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#draws = new Draws(seed);
    const count = this.#draws.chance(MANY_RATE) ? MANY_HOSTS : 3 + this.#draws.below(this.#draws.chance(0.6) ? 4 : 7);
    this.#hosts = Array.from({ length: count }, (_, n) => `h${n}`);
    this.#isSleeved = this.#draws.chance(SLEEVE_RATE);
    this.#hasSlowDisks = this.#draws.chance(0.4);
    this.#hasKernels = this.#draws.chance(0.2);
    this.#fullMesh = this.#draws.chance(0.15) ? 2 + this.#draws.below(4) : undefined;
    this.#ips = this.#draws.chance(0.6) ? 2 + this.#draws.below(5) : 200;
  }

  scenario(): Scenario {
    this.#launches();
    const launchedAt = this.#at;
    const kinds = this.#swarm();
    const endsAt = this.#at + SHORTEST_MS + Math.floor(this.#draws.random() ** 2 * (LONGEST_MS - SHORTEST_MS));
    const pace = 200 + this.#draws.random() ** 2 * LONGEST_PAUSE_MS;
    while (this.#at < endsAt) {
      this.#weighted(kinds)();
      this.#at += this.#draws.chance(0.4) ? this.#draws.below(60) : Math.floor(this.#draws.random() ** 2 * pace);
    }
    for (const host of this.#down) if (this.#draws.chance(0.7)) this.#do({ kind: 'restart', host, disk: this.#disk() });
    this.#steps.push(...maliceSteps(this.#seed, this.#hosts, launchedAt, endsAt));
    const steps = this.#steps.sort((a, b) => a.at - b.at);
    return {
      seed: this.#seed,
      sleeve: this.#isSleeved,
      slowDisks: this.#hasSlowDisks,
      ...(this.#hasKernels && { kernels: true }),
      ...(this.#fullMesh !== undefined && { fullMesh: this.#fullMesh }),
      endsAt: steps.at(-1)!.at,
      steps,
    };
  }

  #launches(): void {
    const hasTwoFounders = this.#draws.chance(0.15);
    const spreadMs = this.#draws.chance(0.5) ? 100 : 4_000;
    for (const [n, host] of this.#hosts.entries()) {
      const founds = n === 0 || (n === 1 && hasTwoFounders);
      const others = this.#hosts.slice(0, n);
      const dial = founds ? [] : this.#draws.some(others, 1 + this.#draws.below(2));
      this.#do({ kind: 'join', host, dial, founds });
      this.#at += this.#draws.below(spreadMs);
    }
    if (!hasTwoFounders) return;
    const meetsAt = this.#at + this.#draws.below(20_000);
    this.#steps.push({ at: meetsAt, kind: 'connect', host: 'h0', to: 'h1' });
  }

  /** A choice of kinds, each with its weight. */
  #swarm(): (readonly [number, () => void])[] {
    const all: (() => void)[] = [
      () => this.#crash(),
      () => this.#bounce(),
      () => this.#restart(),
      () => this.#do({ kind: 'stop', host: this.#goesDown() }),
      () => this.#do({ kind: 'leave', host: this.#goesDown() }),
      () => this.#do({ kind: 'save', host: this.#draws.pick(this.#hosts) }),
      () => this.#partition(2),
      () => this.#partition(3),
      () => this.#flap(),
      () => this.#oneWay(),
      () => this.#wires(),
      () => this.#wire(),
      () => this.#thinLine(),
      () => this.#narrowPath(),
      () => this.#nat(),
      () => this.#do({ kind: 'slow', host: this.#draws.pick(this.#hosts), ms: this.#draws.pick([0, 20, 300, 1_500]) }),
      () => this.#do({ kind: 'freeze', host: this.#draws.pick(this.#hosts), ms: 100 + this.#draws.below(6_000) }),
      () =>
        this.#do({
          kind: 'clock',
          host: this.#draws.pick(this.#hosts),
          ms: this.#draws.pick([500, 5_000, 60_000, 3_600_000]),
        }),
      () => this.#do({ kind: 'powerOff', host: this.#goesDown() }),
      () => this.#take(),
      () => this.#move(),
      () => this.#storm(),
      () => this.#forget(),
      () => this.#do({ kind: 'connect', host: this.#draws.pick(this.#hosts), to: this.#draws.pick(this.#hosts) }),
      ...(this.#hasKernels ? [() => this.#disturb()] : []),
      ...(this.#isSleeved ? [() => this.#want('session'), () => this.#want('relay')] : []),
    ];
    const chosen = all
      .filter(() => this.#draws.chance(0.45))
      .map((act) => [this.#draws.random() ** 2 + 0.05, act] as const);
    const usual: (readonly [number, () => void])[] = [
      [0.5 + this.#draws.random(), () => this.#attach()],
      [0.2 + this.#draws.random() / 2, () => this.#detach()],
      [0.3, () => this.#heal()],
      [0.6, () => this.#restart()],
    ];
    return [...usual, ...chosen];
  }

  #attach(host = this.#draws.pick(this.#hosts), ip = this.#ip(), mac = this.#mac()): void {
    const id = `e${++this.#ids}`;
    this.#attached.push({ host, id, ip, mac });
    this.#do({ kind: 'attach', host, id, ip, mac });
  }

  #detach(): void {
    if (this.#attached.length > 0) this.#release(this.#draws.pick(this.#attached));
  }

  #release(one: Attached): void {
    this.#attached = this.#attached.filter((a) => a !== one);
    this.#do({ kind: 'detach', host: one.host, id: one.id });
  }

  /** An address goes to another host; the old one lets go before, after, or not at all. */
  #move(): void {
    if (this.#attached.length === 0) return this.#attach();
    const one = this.#draws.pick(this.#attached);
    const to = this.#draws.pick(this.#hosts);
    const mac = this.#draws.chance(0.5) ? one.mac : this.#mac();
    const order = this.#draws.below(3);
    if (order === 0) this.#release(one);
    this.#at += this.#draws.below(300);
    this.#attach(to, one.ip, mac);
    this.#at += this.#draws.below(300);
    if (order === 1) this.#release(one);
  }

  /** One address on two hosts in the same moment. */
  #take(): void {
    const ip = this.#ip();
    const mac = this.#mac();
    const isSameMac = this.#draws.chance(0.5);
    for (const host of this.#draws.some(this.#hosts, 2)) this.#attach(host, ip, isSameMac ? mac : this.#mac());
  }

  #storm(): void {
    const host = this.#draws.pick(this.#hosts);
    const count = this.#draws.chance(0.15) ? 200 : 10 + this.#draws.below(40);
    const everyMs = this.#draws.below(20);
    for (let i = 0; i < count; i++) {
      const own = this.#attached.filter((a) => a.host === host);
      if (own.length > 4 || (own.length > 0 && this.#draws.chance(0.4))) this.#release(this.#draws.pick(own));
      else this.#attach(host);
      this.#at += everyMs;
    }
  }

  #crash(): void {
    this.#do({ kind: 'crash', host: this.#goesDown() });
  }

  /** Down and up again at once: others may not notice. */
  #bounce(): void {
    const host = this.#draws.pick(this.#hosts);
    for (let times = 1 + this.#draws.below(3); times > 0; times--) {
      this.#do({ kind: this.#draws.pick(['crash', 'crash', 'powerOff', 'stop'] as const), host });
      this.#at += this.#draws.below(2_000);
      this.#do({ kind: 'restart', host, disk: this.#disk() });
      this.#at += this.#draws.below(1_000);
    }
    this.#down.delete(host);
  }

  #restart(): void {
    if (this.#down.size === 0) return;
    const host = this.#draws.pick([...this.#down]);
    this.#down.delete(host);
    this.#do({ kind: 'restart', host, disk: this.#disk() });
  }

  #forget(): void {
    const here = this.#hosts.filter((h) => !this.#down.has(h));
    if (this.#down.size === 0 || here.length === 0) return;
    this.#do({ kind: 'forget', host: this.#draws.pick(here), peer: this.#draws.pick([...this.#down]) });
  }

  #partition(sides: number): void {
    const parts = Array.from({ length: sides }, (): HostName[] => []);
    for (const host of this.#hosts) this.#draws.pick(parts).push(host);
    this.#do({ kind: 'partition', sides: parts.filter((part) => part.length > 0) });
  }

  #heal(): void {
    this.#do({ kind: 'heal' });
    for (const cut of this.#cuts.splice(0)) if (this.#draws.chance(0.7)) this.#do({ kind: 'mend', ...cut });
    for (const way of this.#wired.splice(0)) if (this.#draws.chance(0.7)) this.#do({ kind: 'rewire', ...way });
    for (const host of this.#natted) if (this.#draws.chance(0.3)) this.#unNat(host);
  }

  #flap(): void {
    const [from, to] = this.#draws.some(this.#hosts, 2) as [HostName, HostName];
    let at = this.#at;
    for (let times = 2 + this.#draws.below(8); times > 0; times--) {
      for (const kind of ['cut', 'mend'] as const) {
        this.#steps.push({ at, kind, from, to }, { at, kind, from: to, to: from });
        at += this.#draws.below(2_500);
      }
    }
  }

  #oneWay(): void {
    const [from, to] = this.#draws.some(this.#hosts, 2) as [HostName, HostName];
    this.#cuts.push({ from, to });
    this.#do({ kind: 'cut', from, to });
  }

  #wires(): void {
    this.#do({ kind: 'wires', spec: this.#draws.chance(0.3) ? {} : this.#bad() });
  }

  #wire(): void {
    const [from, to] = this.#draws.some(this.#hosts, 2) as [HostName, HostName];
    this.#worsen({ from, to }, this.#bad());
  }

  /** All that a host sends, or all that is sent to it, waits for a line that carries little. */
  #thinLine(): void {
    const host = this.#draws.pick(this.#hosts);
    const spec = { bitsPerS: this.#draws.pick(RATES), queueBytes: this.#draws.pick(QUEUES) };
    const isUplink = this.#draws.chance(0.5);
    for (const other of this.#hosts)
      if (other !== host) this.#worsen(isUplink ? { from: host, to: other } : { from: other, to: host }, spec);
  }

  /** Large datagrams vanish on the way, there, back, or both: between two, or between one and all others. */
  #narrowPath(): void {
    const spec = { mtu: this.#draws.pick(MTUS) };
    const [host, one] = this.#draws.some(this.#hosts, 2) as [HostName, HostName];
    const others = this.#draws.chance(0.5) ? [one] : this.#hosts.filter((h) => h !== host);
    const direction = this.#draws.below(3);
    for (const other of others) {
      if (direction !== 1) this.#worsen({ from: host, to: other }, spec);
      if (direction !== 0) this.#worsen({ from: other, to: host }, spec);
    }
  }

  #worsen(way: Way, spec: Partial<LinkSpec>): void {
    this.#wired.push(way);
    this.#do({ kind: 'wire', ...way, spec });
  }

  /** Behind a NAT, behind another one, or out from behind it. */
  #nat(): void {
    const host =
      this.#natted.size > 0 && this.#draws.chance(0.5)
        ? this.#draws.pick([...this.#natted])
        : this.#draws.pick(this.#hosts);
    if (this.#natted.has(host) && this.#draws.chance(0.5)) return this.#unNat(host);
    this.#natted.add(host);
    this.#do({ kind: 'nat', host });
  }

  #unNat(host: HostName): void {
    this.#natted.delete(host);
    this.#do({ kind: 'unNat', host });
  }

  /** A link that loses, delays, reorders, doubles or spoils what it carries, or carries little of it or only what is small. */
  #bad(): Partial<LinkSpec> {
    return {
      ...(this.#draws.chance(0.6) && { loss: this.#draws.pick([0.01, 0.05, 0.2, 0.5]) }),
      ...(this.#draws.chance(0.4) && { latencyMs: this.#draws.pick([5, 50, 300]) }),
      ...(this.#draws.chance(0.4) && { jitterMs: this.#draws.pick([2, 30, 200]) }),
      ...(this.#draws.chance(0.2) && { duplicates: this.#draws.pick([0.02, 0.5]) }),
      ...(this.#draws.chance(0.1) && { corrupts: this.#draws.pick([0.001, 0.02]) }),
      ...(this.#draws.chance(0.1) && { bitsPerS: this.#draws.pick(RATES), queueBytes: this.#draws.pick(QUEUES) }),
      ...(this.#draws.chance(0.1) && { mtu: this.#draws.pick(MTUS) }),
    };
  }

  #disturb(): void {
    const how = this.#draws.pick(['flush', 'deleteVxlan', 'deleteBridge', 'bridgeDown', 'unseenFlush'] as const);
    this.#do({ kind: 'disturb', host: this.#draws.pick(this.#hosts), how });
  }

  #want(kind: 'session' | 'relay'): void {
    const [host, to] = this.#draws.some(this.#hosts, 2) as [HostName, HostName];
    this.#do({ kind, host, to, wanted: this.#draws.chance(0.75) });
  }

  #goesDown(): HostName {
    const host = this.#draws.pick(this.#hosts);
    this.#down.add(host);
    return host;
  }

  #disk(): Disk {
    const roll = this.#draws.random();
    return roll < 0.6 ? 'kept' : roll < 0.8 ? 'old' : roll < 0.9 ? 'uncached' : 'none';
  }

  #ip(): string {
    const n = 1 + this.#draws.below(this.#ips);
    return `10.32.0.${n}`;
  }

  #mac(): string {
    const n = this.#draws.chance(0.1) ? 1 + this.#draws.below(3) : 16 + ++this.#ids;
    return `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
  }

  #do(action: Action): void {
    this.#steps.push({ at: this.#at, ...action });
  }

  #weighted(of: readonly (readonly [number, () => void])[]): () => void {
    let left = this.#draws.random() * of.reduce((sum, [weight]) => sum + weight, 0);
    return (of.find(([weight]) => (left -= weight) < 0) ?? of[0]!)[1];
  }
}
