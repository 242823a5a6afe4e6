// A scenario that is lived through: whole routers in a world, and beside them what their operators did and still wait for.
import { ipKey, macKey } from '../../../router/wire/records.js';
import type { ForwardingDelta, Ip, Mac, PeerId } from '../../../router/types.js';
import { GOOD_LINK } from '../network/link.js';
import { World, type WorldHost } from '../world.js';
import { Malice } from './malice.js';
import { Reach } from './reach.js';
import type { Action, HostName, Scenario } from './scenario.js';

/** A `mesh connect` that somebody waits for. */
interface Request {
  readonly by: WorldHost;
  readonly at: number;
  ended: boolean;
}

/** The action of a kind. */
type Do<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

const PORT = 6783;

export class Life {
  readonly world: World;
  readonly malice: Malice;
  readonly reach = new Reach();
  readonly requests: Request[] = [];
  /** What was wanted last, by `kind from to`. */
  readonly wants = new Map<string, Do<'session' | 'relay'>>();
  /** Who was ever said to be gone: what was wanted of it is forgotten with it, and its datapath would have to want it anew. */
  readonly gone = new Set<HostName>();
  /** Set back to a backup: until it hears of its later self, others may have that for the newer one. */
  readonly #setBack = new Set<HostName>();
  /** What no table may do without, and did. */
  readonly breaches: string[] = [];
  /** Steps that were possible, by kind. */
  readonly done = new Map<string, number>();
  calmAt: number | undefined;
  readonly #scenario: Scenario;
  /** Said goodbye, and have not ended yet. */
  readonly #ending = new Set<WorldHost>();
  /** Keys that one peer announced once and has had ever since; undefined: not any more. */
  readonly #steady = new Map<string, PeerId | undefined>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.world = new World(scenario.seed, {
      slowDisks: scenario.slowDisks,
      ...(scenario.kernels === true && { kernels: true }),
    });
    this.malice = new Malice(this.world);
  }

  get now(): number {
    return this.world.time.now();
  }

  /** Those that run, mean to go on and are of the mesh. */
  running(): readonly WorldHost[] {
    const out = this.malice.out();
    return this.world.running().filter((h) => !this.#ending.has(h) && !out.has(h.id));
  }

  isRunning(name: HostName): boolean {
    return this.world.isRunning(name) && !this.#ending.has(this.world.host(name));
  }

  /** Its disk was, to a backup or by some writes, at least once. */
  wasSetBack(name: HostName): boolean {
    return this.#setBack.has(name);
  }

  advanceTo(at: number): void {
    if (at > this.now) this.world.run(at - this.now);
  }

  /** Does it if it can be done. */
  act(action: Action): void {
    if (this.#perform(action)) this.done.set(action.kind, (this.done.get(action.kind) ?? 0) + 1);
  }

  /** The end of all trouble: every wire works, and whoever runs is told of the first that does and can be called. */
  calm(): void {
    this.world.heal();
    this.world.wires(GOOD_LINK);
    const first = this.#publicHost();
    for (const { name } of this.running()) {
      this.world.slow(name, 0);
      if (name !== first) this.#connect(name, first!);
    }
    this.calmAt = this.now;
  }

  close(): void {
    this.world.close();
  }

  /** @returns was it possible? */
  #perform(a: Action): boolean {
    switch (a.kind) {
      case 'join':
        return this.#join(a);
      case 'restart':
        return this.#restart(a);
      case 'forget':
        return this.#forget(a);
      case 'evict':
        return this.#evict(a);
      case 'forge':
        return this.#forge(a);
      case 'attach':
        return this.#attach(a);
      case 'detach':
        return this.#detach(a);
      case 'session':
      case 'relay':
        return this.#want(a);
      case 'partition':
      case 'heal':
      case 'cut':
      case 'mend':
      case 'wires':
      case 'wire':
      case 'rewire':
        return this.#wire(a);
      case 'nat':
      case 'unNat':
        return this.#nat(a);
      case 'connect':
      case 'crash':
      case 'powerOff':
      case 'stop':
      case 'leave':
      case 'save':
      case 'slow':
      case 'freeze':
      case 'clock':
      case 'disturb':
        return this.isRunning(a.host) && this.#disturb(a);
    }
  }

  /** What happens to a host that runs. */
  #disturb(
    a: Do<'connect' | 'crash' | 'powerOff' | 'stop' | 'leave' | 'save' | 'slow' | 'freeze' | 'clock' | 'disturb'>,
  ): boolean {
    const { world } = this;
    switch (a.kind) {
      case 'connect':
        return world.hosts.has(a.to) && this.#connect(a.host, a.to);
      case 'crash':
        world.kill(a.host);
        return true;
      case 'powerOff':
        world.powerOff(a.host);
        return true;
      case 'stop':
      case 'leave':
        return this.#end(a);
      case 'save':
        world.backUp(a.host);
        return true;
      case 'slow':
        world.slow(a.host, a.ms);
        return true;
      case 'freeze':
        world.freeze(a.host, a.ms);
        return true;
      case 'clock':
        world.jumpClock(a.host, a.ms);
        return true;
      case 'disturb':
        if (this.#scenario.kernels === true) world.disturb(a.host, a.how);
        return this.#scenario.kernels === true;
    }
  }

  #join({ host: name, dial, founds }: Do<'join'>): boolean {
    if (this.world.hosts.has(name)) return false;
    const { sleeve, fullMesh } = this.#scenario;
    this.world.launch(name, { founds, sleeve, ...(fullMesh !== undefined && { fullMesh }) });
    this.#reaches();
    const host = this.world.host(name);
    this.#watch(host);
    host.router.start(() => host.router.core.options.addresses);
    for (const to of dial) if (this.world.hosts.has(to)) this.#connect(name, to);
    return true;
  }

  #connect(from: HostName, to: HostName): boolean {
    const by = this.world.host(from);
    const request: Request = { by, at: this.now, ended: false };
    this.requests.push(request);
    void by.router.connect(this.world.host(to).ip, PORT).then(() => (request.ended = true));
    return true;
  }

  #end({ host: name, kind }: Do<'stop' | 'leave'>): boolean {
    const host = this.world.host(name);
    this.#ending.add(host);
    if (kind === 'leave') this.gone.add(name);
    if (kind === 'leave') this.#unsettleAll(host);
    if (kind === 'leave') this.world.leave(name);
    else this.world.stop(name);
    return true;
  }

  #restart({ host: name, disk }: Do<'restart'>): boolean {
    const { world } = this;
    if (!world.hosts.has(name) || world.isRunning(name)) return false;
    const before = world.host(name);
    if (disk === 'old') this.#setBack.add(name);
    if (disk === 'old') this.#unsettleAll(before);
    const had = new Set(keysAttachedTo(before));
    if (disk === 'uncached') before.machine.disk.write({ cache: undefined });
    const host = world.restart(name, { disk: disk === 'uncached' ? 'kept' : disk });
    const has = new Set(keysAttachedTo(host));
    for (const key of [...had, ...has]) if (!had.has(key) || !has.has(key)) this.#steady.set(key, undefined);
    this.#watch(host);
    for (const want of this.wants.values()) if (want.host === name || want.to === name) this.#tellWant(want);
    return true;
  }

  #forget({ host, peer: name }: Do<'forget'>): boolean {
    if (!this.isRunning(host) || !this.world.hosts.has(name) || this.isRunning(name)) return false;
    this.gone.add(name);
    this.#unsettleAll(this.world.host(name));
    this.world.forget(host, name);
    return true;
  }

  #evict({ host: name, peer }: Do<'evict'>): boolean {
    const by = this.running().find((h) => h.name === name);
    if (by === undefined || !this.world.hosts.has(peer) || name === peer) return false;
    const whom = this.world.host(peer);
    this.gone.add(peer);
    this.#unsettleAll(whom);
    this.malice.evict(by, whom);
    return true;
  }

  #forge({ host: name, about, how }: Do<'forge'>): boolean {
    if (!this.isRunning(name) || !this.world.hosts.has(about) || name === about) return false;
    return this.malice.forge(this.world.host(name), this.world.host(about), how, (keys) => {
      for (const key of keys) this.#steady.set(key, undefined);
    });
  }

  #attach({ host: name, id, ip, mac }: Do<'attach'>): boolean {
    if (!this.isRunning(name)) return false;
    const host = this.world.host(name);
    const keys = [macKey(mac as Mac), ipKey(ip as Ip)];
    const has = new Set(keysAttachedTo(host));
    if (host.machine.disk.content.endpoints.has(id) || keys.some((key) => has.has(key))) return false;
    const isSteady = (key: string): boolean =>
      !this.#steady.has(key) && !this.gone.has(name) && !this.#setBack.has(name);
    for (const key of keys) this.#steady.set(key, isSteady(key) ? host.id : undefined);
    this.world.attach(name, ip, mac, id);
    return true;
  }

  #detach({ host: name, id }: Do<'detach'>): boolean {
    if (!this.isRunning(name)) return false;
    const e = this.world.host(name).machine.disk.content.endpoints.get(id);
    if (e === undefined) return false;
    for (const key of [macKey(e.mac), ...e.ips.map(ipKey)]) this.#steady.set(key, undefined);
    this.world.detach(name, id);
    return true;
  }

  #wire(a: Do<'partition' | 'heal' | 'cut' | 'mend' | 'wires' | 'wire' | 'rewire'>): boolean {
    const { world, reach } = this;
    if (a.kind === 'partition') reach.partition(a.sides);
    else if (a.kind === 'heal') reach.heal();
    else if (a.kind === 'wires') {
      world.links.reset();
      world.wires({ ...GOOD_LINK, ...a.spec });
    } else if (!world.hosts.has(a.from) || !world.hosts.has(a.to)) return false;
    else if (a.kind === 'wire') world.wire(a.from, a.to, a.spec);
    else if (a.kind === 'rewire') world.rewire(a.from, a.to);
    else reach.cut(a.from, a.to, a.kind === 'cut');
    this.#reaches();
    return true;
  }

  #reaches(): void {
    const names = new Map([...this.world.hosts.values()].map((h) => [h.ip, h.name]));
    this.world.links.setReach((a, b) => this.reach.reaches(names.get(a), names.get(b)));
  }

  /** Also of a host that does not run. */
  #nat({ host: name, kind }: Do<'nat' | 'unNat'>): boolean {
    const { world } = this;
    if (!world.hosts.has(name) || (kind === 'unNat' && !world.isBehindNat(name))) return false;
    if (kind === 'nat') world.nat(name);
    else world.unNat(name);
    return true;
  }

  /**
   * The first that runs and can be called; where all are behind NATs one of them no longer is. With kernels none is: the fake
   * ones send VXLAN, which no NAT lets in.
   */
  #publicHost(): HostName | undefined {
    const { world } = this;
    const names = this.running().map((h) => h.name);
    const first = names.find((name) => !world.isBehindNat(name)) ?? names[0];
    if (first !== undefined) world.unNat(first);
    if (this.#scenario.kernels === true) for (const name of world.hosts.keys()) world.unNat(name);
    return first;
  }

  #want(a: Do<'session' | 'relay'>): boolean {
    if (!this.isRunning(a.host) || !this.isRunning(a.to) || a.host === a.to) return false;
    this.wants.set(`${a.kind} ${a.host} ${a.to}`, a);
    this.#tellWant(a);
    return true;
  }

  #tellWant({ kind, host, to, wanted }: Do<'session' | 'relay'>): void {
    const tell = (from: HostName, peer: HostName): void => {
      if (!this.isRunning(from)) return;
      const { id } = this.world.host(peer);
      this.world.host(from).router.dispatch({ kind: `${kind}Wanted`, peer: id, wanted });
    };
    tell(host, to);
    if (kind === 'session') tell(to, host);
  }

  #unsettleAll(host: WorldHost): void {
    for (const key of keysAttachedTo(host)) this.#steady.set(key, undefined);
  }

  /** Looks at every change of its table before it is made. */
  #watch(host: WorldHost): void {
    const { table } = host;
    const apply = table.apply.bind(table);
    table.apply = (delta) => {
      const gone = this.#withdrawn(host, delta);
      if (gone !== undefined) this.breaches.push(gone);
      apply(delta);
    };
  }

  #withdrawn({ name, id, table }: WorldHost, d: ForwardingDelta): string | undefined {
    if ((d.kind !== 'mac' && d.kind !== 'neigh') || this.malice.out().has(id)) return undefined;
    const [key, before] =
      d.kind === 'mac' ? [macKey(d.mac), table.macs.get(d.mac)] : [ipKey(d.ip), table.neighs.get(d.ip)];
    const owner = this.#steady.get(key);
    if (before === undefined || before === d.value || owner === undefined) return undefined;
    const does = d.value === undefined ? 'withdraws' : 'changes';
    return `${name} ${does} ${key}, which ${this.world.nameOf(owner)} has had all along`;
  }
}

/** What its disk says is attached to it. */
export function keysAttachedTo({ machine }: WorldHost): readonly string[] {
  return [...machine.disk.content.endpoints.values()].flatMap((e) => [macKey(e.mac), ...e.ips.map(ipKey)]);
}
