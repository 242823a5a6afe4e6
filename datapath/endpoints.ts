// The veths of local endpoints. One exists from join to leave: its far end is made in place, as no link can be moved later.
import type { EndpointId, NetworkName } from '../router/types.js';
import type { DatapathConfig, EndpointSpec, Sandbox } from './datapath.js';
import type { Guard } from './guard/guard.js';
import { KernelError, type Kernel, type Link } from './kernel.js';
import { farAlias, linkAlias, linkName, portName } from './names.js';
import type { Reconciler } from './reconcile.js';
import type { Want } from './want.js';

/** Opens namespaces. An fd that stays open keeps a dead namespace, and all its links, alive. */
export interface NetnsOpener {
  open(path: string): number;
  close(fd: number): void;
}

export class Endpoints {
  readonly #self: DatapathConfig['self'];
  readonly #kernel: Kernel;
  readonly #want: Want;
  readonly #netns: NetnsOpener;
  readonly #reconciler: Pick<Reconciler, 'flushed' | 'linkRefusals'>;
  readonly #guard: Pick<Guard, 'setPort' | 'dropPort'>;
  readonly #specs = new Map<EndpointId, EndpointSpec>();
  readonly #joined = new Map<EndpointId, Sandbox>();
  /** The last operation on each endpoint: they must not overlap. */
  readonly #turns = new Map<EndpointId, Promise<void>>();

  constructor(
    self: DatapathConfig['self'],
    kernel: Kernel,
    want: Want,
    netns: NetnsOpener,
    reconciler: Pick<Reconciler, 'flushed' | 'linkRefusals'>,
    guard: Pick<Guard, 'setPort' | 'dropPort'>,
  ) {
    this.#self = self;
    this.#kernel = kernel;
    this.#want = want;
    this.#netns = netns;
    this.#reconciler = reconciler;
    this.#guard = guard;
  }

  /** Remembers it; a second time replaces what a later join will make. */
  create(spec: EndpointSpec): Promise<void> {
    return this.#inTurn(spec.id, () => {
      this.#specs.set(spec.id, spec);
      return Promise.resolve();
    });
  }

  /** @throws KernelError ENOENT: not created, or no such namespace; ENODEV: not in that network; EEXIST: `ifname` is taken, or the bridge's name is */
  join(id: EndpointId, sandbox: Sandbox): Promise<void> {
    return this.#inTurn(id, async () => {
      const spec = this.#specs.get(id);
      const op = `ip link add ${portName(id)} type veth peer name ${sandbox.ifname}`;
      if (spec === undefined) throw new KernelError(op, 'ENOENT', `endpoint ${id} was not created`);
      const mtu = this.#want.networks.get(spec.network)?.forward?.mtu;
      if (mtu === undefined) throw new KernelError(op, 'ENODEV', `this host is not in network ${spec.network}`);
      await this.#inside(sandbox.netns, (inside, netns) => this.#join(spec, mtu, sandbox.ifname, inside, netns));
      this.#joined.set(id, sandbox);
    });
  }

  ids(): Iterable<EndpointId> {
    return this.#joined.keys();
  }

  /** The network's MTU is another one: the containers' ends follow. @throws KernelError the first; all are tried */
  async reconfigure(network: NetworkName): Promise<void> {
    const all = [...this.#specs.values()].filter((spec) => spec.network === network);
    await Promise.all(all.map((spec) => this.#inTurn(spec.id, () => this.#reconfigure(spec))));
  }

  /** The far end dies with the near one. */
  leave(id: EndpointId): Promise<void> {
    return this.#inTurn(id, () => this.#remove(id));
  }

  delete(id: EndpointId): Promise<void> {
    return this.#inTurn(id, async () => {
      this.#specs.delete(id);
      await this.#remove(id);
    });
  }

  async #reconfigure(spec: EndpointSpec): Promise<void> {
    const sandbox = this.#joined.get(spec.id);
    const mtu = this.#want.networks.get(spec.network)?.forward?.mtu;
    if (sandbox === undefined || mtu === undefined) return;
    await this.#inside(sandbox.netns, async (inside) => {
      const alias = farAlias(this.#self, spec.network, spec.id);
      // By its alias: what the path leads to by now may be another sandbox.
      const far = (await inside.links()).find((link) => link.alias === alias);
      if (far !== undefined && far.mtu !== mtu) await inside.linkSet(far.index, { mtu });
    });
  }

  async #join(spec: EndpointSpec, mtu: number, ifname: string, inside: Kernel, netns?: number): Promise<void> {
    const name = portName(spec.id);
    this.#want.setPort(spec.network, name, spec);
    try {
      const far = (await this.#adopt(spec, ifname, inside)) ?? (await this.#make(spec, mtu, ifname, inside, netns));
      await this.#configure(spec, mtu, far, inside);
      this.#want.portMade(spec.network, name);
      await this.#reconciler.flushed();
      await this.#checkPort(spec);
      await this.#protect(spec, name);
      // Last: an end that is up before the other gets its queue some moments after the carrier, and drops what it sends
      // in between. That is the container's first ARP if somebody talks to it already, and the next is a second later.
      if (!far.up) await inside.linkSet(far.index, { up: true });
    } catch (error) {
      await this.#remove(spec.id);
      throw error;
    }
  }

  /** Before it can send. */
  async #protect({ mac, ips, allowSpoof }: EndpointSpec, name: string): Promise<void> {
    if (allowSpoof === true) this.#guard.dropPort(name);
    else await this.#guard.setPort({ name, mac, ips });
  }

  /** What is flushed may have been refused: the container would have an interface that leads nowhere. @throws KernelError */
  async #checkPort(spec: EndpointSpec): Promise<void> {
    const name = portName(spec.id);
    const near = (await this.#kernel.links()).find((link) => link.name === name);
    const bridge = this.#want.networks.get(spec.network)?.bridge;
    if (near !== undefined && bridge !== undefined && near.master === bridge) return;
    const refusals = this.#reconciler.linkRefusals;
    const vni = this.#want.networks.get(spec.network)?.forward?.vni;
    const bridgeName = vni === undefined ? '' : linkName('bridge', spec.network, vni);
    const refusal = refusals.find(({ op }) => op.includes(bridgeName)) ?? refusals[0];
    throw refusal ?? new KernelError(`ip link set ${name} master ${bridgeName}`, 'ENODEV');
  }

  /** @returns the container's end if an earlier router left the veth as we would make it: then no frame need be lost */
  async #adopt(spec: EndpointSpec, ifname: string, inside: Kernel): Promise<Link | undefined> {
    const near = (await this.#kernel.links()).find((link) => link.name === portName(spec.id));
    if (near === undefined) return undefined;
    const far = (await inside.links()).find((link) => link.alias === farAlias(this.#self, spec.network, spec.id));
    const isRight = far?.name === ifname && far.mac === spec.mac && far.kind === 'veth' && near.kind === 'veth';
    if (isRight && near.alias === linkAlias(this.#self, spec.network, spec.id)) return far;
    await this.#kernel.linkDel(near.index);
    return undefined;
  }

  async #make(spec: EndpointSpec, mtu: number, ifname: string, inside: Kernel, netns?: number): Promise<Link> {
    const taken = (await inside.links()).some((link) => link.name === ifname);
    const op = `ip link add ${portName(spec.id)} type veth peer name ${ifname}`;
    if (taken) throw new KernelError(op, 'EEXIST', `there is an interface "${ifname}" in the namespace already`);
    const alias = linkAlias(this.#self, spec.network, spec.id);
    const peer = { name: ifname, mac: spec.mac, mtu, ...(netns !== undefined && { netns }) };
    await this.#kernel.linkAdd({ kind: 'veth', name: portName(spec.id), mtu, alias, peer });
    const far = (await inside.links()).find((link) => link.name === ifname);
    if (far === undefined) throw new KernelError(op, 'ENODEV', 'it vanished as soon as it was made');
    return far;
  }

  /** Adds what is missing and takes nothing away: a container may have given itself more addresses. */
  async #configure(spec: EndpointSpec, mtu: number, far: Link, inside: Kernel): Promise<void> {
    const alias = farAlias(this.#self, spec.network, spec.id);
    if (far.mtu !== mtu || far.alias !== alias) await inside.linkSet(far.index, { mtu, alias });
    const have = new Set((await inside.addrs(far.index)).map(({ cidr }) => cidr));
    for (const cidr of spec.ips) if (!have.has(cidr)) await inside.addrAdd(far.index, cidr);
  }

  async #remove(id: EndpointId): Promise<void> {
    this.#joined.delete(id);
    this.#want.dropPort(portName(id));
    const near = (await this.#kernel.links()).find((link) => link.name === portName(id));
    if (near !== undefined) await this.#kernel.linkDel(near.index);
    this.#guard.dropPort(portName(id)); // not before: what is in its queue would pass
    await this.#reconciler.flushed();
  }

  async #inside(path: string | undefined, run: (inside: Kernel, netns?: number) => Promise<void>): Promise<void> {
    if (path === undefined) return run(this.#kernel);
    const netns = inKernelWords(`ip netns exec ${path}`, () => this.#netns.open(path));
    try {
      const inside = inKernelWords(`ip netns exec ${path}`, () => this.#kernel.inNamespace(netns));
      try {
        await run(inside, netns);
      } finally {
        inside.close();
      }
    } finally {
      this.#netns.close(netns);
    }
  }

  async #inTurn(id: EndpointId, run: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(id) ?? Promise.resolve();
    const turn = before.then(run, run);
    this.#turns.set(id, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }
}

function inKernelWords<T>(op: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof KernelError) throw error;
    const { errno, code } = error as { errno?: unknown; code?: unknown };
    const name = [errno, code].find((value) => typeof value === 'string');
    if (typeof name !== 'string') throw error;
    throw new KernelError(op, name, 'it does not lead to a network namespace');
  }
}
