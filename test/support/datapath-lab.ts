// A datapath on a fake kernel in virtual time, and what its tables ought to be, computed anew from first principles.
import assert from 'node:assert/strict';
import type {
  Cidr,
  DatapathReport,
  EndpointId,
  ForwardingDelta,
  Ip,
  Mac,
  NetworkName,
  PeerId,
  Vni,
} from '../../router/types.js';
import type { LinkIndex } from '../../router/types.js';
import type { DatapathConfig } from '../../datapath/datapath.js';
import type { Row } from '../../datapath/kernel.js';
import { LinuxDatapath } from '../../datapath/linux-datapath.js';
import type { Paths } from '../../datapath/paths/paths.js';
import type { Guard } from '../../datapath/guard/guard.js';
import type { GuardedPort } from '../../datapath/guard/port-table.js';
import { FakeClock } from './fake-clock.js';
import { FakeKernel } from './fake-kernel.js';
import { FakeSleeve } from './fake-sleeve.js';
import { peerOf } from './peers.js';

export const SELF = 'aa'.repeat(16) as PeerId;
export const macOf = (n: number): Mac =>
  `02:00:00:${[(n >> 16) & 255, (n >> 8) & 255, n & 255].map((b) => b.toString(16).padStart(2, '0')).join(':')}` as Mac;
export const ipOf = (n: number): Ip => `10.${32 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}` as Ip;
export const vtep = (n: number): Ip => `192.168.${n >> 8}.${n & 255}` as Ip;
export const NET = 'web' as NetworkName;
export const id = (text: string): EndpointId => text as EndpointId;

export const network = (name: NetworkName = NET, vni = 100, mtu = 1376): ForwardingDelta => ({
  kind: 'network',
  network: name,
  value: { vni: vni as Vni, mtu },
});
export const peerV4 = (n: number, port = 6785): ForwardingDelta => ({
  kind: 'peer',
  peer: peerOf(n),
  value: { name: `p${n}`, v4: { ip: vtep(n), port } },
});
export const peerV6 = (n: number): ForwardingDelta => ({
  kind: 'peer',
  peer: peerOf(n),
  value: { name: `p${n}`, v6: { ip: `fd00::${n.toString(16)}` as Ip, port: 6785 } },
});
export const member = (n: number, value = true): ForwardingDelta => ({
  kind: 'member',
  network: NET,
  peer: peerOf(n),
  value,
});
export const mac = (n: number, peer: number | undefined): ForwardingDelta => ({
  kind: 'mac',
  network: NET,
  mac: macOf(n),
  value: peer === undefined ? undefined : peerOf(peer),
});
export const neigh = (n: number, macNumber: number | undefined): ForwardingDelta => ({
  kind: 'neigh',
  network: NET,
  ip: ipOf(n),
  value: macNumber === undefined ? undefined : macOf(macNumber),
});

export class FakePaths implements Paths {
  readonly announced: { readonly ip: Ip; readonly mac: Mac }[] = [];
  readonly peers = new Set<PeerId>();
  bridges: readonly string[] = [];
  /** With what it was started: does the kernel carry? */
  hasVxlan: boolean | undefined;
  readonly hurried: PeerId[] = [];
  readonly resting = new Set<PeerId>();
  stir: Parameters<Paths['onStirred']>[0] = () => undefined;
  traffic: Parameters<Paths['onTraffic']>[0] = () => undefined;
  start(hasVxlan: boolean): Promise<void> {
    this.hasVxlan = hasVxlan;
    return Promise.resolve();
  }
  setPeer(peer: PeerId, value: unknown): void {
    if (value === undefined) this.peers.delete(peer);
    else this.peers.add(peer);
  }
  paths = (): [] => [];
  carried(): undefined {}
  capabilities = (): [] => [];
  counters = (): Record<string, number> => ({});
  announce(_bridge: LinkIndex, entries: readonly { ip: Ip; mac: Mac }[]): void {
    this.announced.push(...entries);
  }
  setCeiling(): void {}
  setBridges(names: readonly string[]): void {
    this.bridges = names;
  }
  onStirred(listener: Parameters<Paths['onStirred']>[0]): void {
    this.stir = listener;
  }
  onTraffic(listener: Parameters<Paths['onTraffic']>[0]): void {
    this.traffic = listener;
  }
  hurry(peer: PeerId): void {
    this.hurried.push(peer);
  }
  rest(peer: PeerId, rests: boolean): void {
    if (rests) this.resting.add(peer);
    else this.resting.delete(peer);
  }
  stop(): void {}
  reset = (): Promise<void> => Promise.resolve();
}

export class FakeGuard implements Guard {
  readonly ports = new Map<string, GuardedPort>();
  start(): void {}
  setPort(port: GuardedPort): Promise<void> {
    this.ports.set(port.name, port);
    return Promise.resolve();
  }
  dropPort(name: string): void {
    this.ports.delete(name);
  }
  setPeer(): void {}
  heardAt(): void {}
  setMac(): void {}
  setVni(): void {}
  setBridges(): void {}
  denied: Guard['denied'] = () => new Map();
  capability: Guard['capability'] = () => ({ name: 'guard', ok: true, reason: '', remedy: '' });
  counters: Guard['counters'] = () => ({});
  settled(): void {}
  stop(): void {}
  reset = (): Promise<void> => Promise.resolve();
}

/** One router's datapath on a host that outlives it. */
export class DatapathLab {
  readonly kernel: FakeKernel;
  readonly clock = new FakeClock();
  readonly paths = new FakePaths();
  readonly guard = new FakeGuard();
  readonly reports: DatapathReport[] = [];
  readonly logged: string[] = [];
  readonly datapath: LinuxDatapath;
  /** Undefined until it is started. */
  sleeve: FakeSleeve | undefined;

  /** @param kernel of a host where an earlier router may have left things */
  constructor(kernel: FakeKernel = new FakeKernel(), overlay: DatapathConfig['overlay'] = 'vxlan') {
    this.kernel = kernel;
    const config = {
      self: SELF,
      vxlanPort: 6785,
      local: { v4: vtep(0), v6: 'fd00::aaaa' as Ip },
      overlay,
      onReport: (report: DatapathReport) => void this.reports.push(report),
      log: (event: string) => void this.logged.push(event),
    };
    const namespaces = kernel.namespaces;
    this.datapath = new LinuxDatapath(config, {
      kernel,
      paths: this.paths,
      guard: this.guard,
      netns: { open: (path) => namespaces.open(path), close: (fd) => namespaces.close(fd) },
      clock: this.clock,
      sysctl: () => Promise.resolve(true),
      sleeve: (onEvent) => {
        assert.notEqual(overlay, 'vxlan', 'no sleeve was asked for');
        return (this.sleeve = new FakeSleeve(onEvent));
      },
    });
  }

  static async started(deltas: readonly ForwardingDelta[] = [], kernel?: FakeKernel): Promise<DatapathLab> {
    const lab = new DatapathLab(kernel);
    await lab.datapath.start();
    lab.datapath.apply(deltas);
    lab.datapath.settled();
    await lab.quiet();
    return lab;
  }

  /** Lets everything that is under way come to rest, repairs included; no periodic resync. */
  quiet(): Promise<void> {
    return this.clock.run(2_000);
  }

  /** Waits until everything was read back at least once. */
  resynced(): Promise<void> {
    return this.clock.run(90_000);
  }

  async attach(
    name: string,
    macNumber: number,
    netns: string,
    ips: readonly Cidr[] = [],
    ifname = 'eth0',
  ): Promise<void> {
    await this.datapath.endpointCreate({ id: id(name), network: NET, mac: macOf(macNumber), ips });
    await this.datapath.endpointJoin(id(name), { netns, ifname });
  }

  /** The rows of the kernel in words, sorted: what a test compares. */
  rows(): string[] {
    const names = new Map(this.kernel.linkTable().map((link) => [link.index, link.name]));
    return this.kernel
      .rowTable()
      .map((row) => inWords(row, names))
      .sort();
  }
}

export function inWords(row: Row, names: ReadonlyMap<LinkIndex, string>): string {
  const dev = names.get(row.link) ?? `if${row.link}`;
  if (row.kind === 'self') return `${row.mac} dev ${dev} dst ${row.dst}${row.port ? ` port ${row.port}` : ''} self`;
  if (row.kind === 'flood') return `flood dev ${dev} dst ${row.dst}${row.port ? ` port ${row.port}` : ''}`;
  return row.kind === 'neigh' ? `${row.ip} lladdr ${row.mac} dev ${dev}` : `${row.mac} dev ${dev} master`;
}
