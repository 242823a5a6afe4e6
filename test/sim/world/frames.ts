// Where frames go by the tables of the hosts' kernels: Ethernet over bridges and vxlans, one hop after the other. The host's
// own rule is that no frame leaves by an uplink that came in by one, since uplinks are isolated ports.
import { portName } from '../../../datapath/names.js';
import type { Row } from '../../../datapath/kernel.js';
import type { EndpointId, Ip } from '../../../router/types.js';
import type { FakeKernel } from '../../support/fake-kernel.js';

/** A host as a frame sees it. */
export interface Bridged {
  readonly name: string;
  readonly kernel: FakeKernel;
}

export type FrameFate =
  | { readonly kind: 'arrived'; readonly at: string; readonly port: string }
  | { readonly kind: 'dropped'; readonly at: string; readonly why: string };

type RowOf<K extends Row['kind']> = Extract<Row, { readonly kind: K }>;

/** A frame of a container on `from` to an address in its network. @param hostAt the host that has an address in the underlay */
export function unicast(from: Bridged, ip: string, hostAt: (ip: Ip) => Bridged | undefined): FrameFate {
  const mac = rowsOf(from.kernel, 'neigh').find((row) => row.ip === ip)?.mac;
  if (mac === undefined) return { kind: 'dropped', at: from.name, why: 'nobody answers ARP' };
  const link = portOf(from.kernel, mac);
  if (link === undefined) return { kind: 'dropped', at: from.name, why: 'the bridge does not know the MAC' };
  if (link.kind !== 'vxlan') return { kind: 'arrived', at: from.name, port: link.name };
  const vtep = rowsOf(from.kernel, 'self').find((row) => row.mac === mac && row.link === link.index)?.dst;
  if (vtep === undefined) return { kind: 'dropped', at: from.name, why: 'the vxlan does not know the MAC, and floods' };
  const there = hostAt(vtep);
  if (there === undefined) return { kind: 'dropped', at: from.name, why: `there is no host at ${vtep}` };
  const port = portOf(there.kernel, mac);
  if (port === undefined) return { kind: 'dropped', at: there.name, why: 'the bridge does not know the MAC' };
  if (port.kind === 'vxlan') return { kind: 'dropped', at: there.name, why: 'it is for another host' };
  return { kind: 'arrived', at: there.name, port: port.name };
}

/** A broadcast of a container on `from`. @returns the hosts that hear it, one as often as it does */
export function broadcast(from: Bridged, hostAt: (ip: Ip) => Bridged | undefined): string[] {
  return rowsOf(from.kernel, 'flood').flatMap(({ dst }) => hostAt(dst)?.name ?? []);
}

/** The host's port for an endpoint, as `FrameFate` names it. */
export const portOfEndpoint = (id: string): string => portName(id as EndpointId);

const rowsOf = <K extends Row['kind']>(kernel: FakeKernel, kind: K): RowOf<K>[] =>
  kernel.rowTable().filter((row): row is RowOf<K> => row.kind === kind);

function portOf(
  kernel: FakeKernel,
  mac: string,
): { readonly name: string; readonly kind: string; readonly index: number } | undefined {
  const row = rowsOf(kernel, 'master').find((r) => r.mac === mac);
  return row && kernel.linkTable().find((link) => link.index === row.link);
}
