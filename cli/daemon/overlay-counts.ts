// What the datapath counted for a connection, as `status` tells it.
import type { PeerTraffic, WayTraffic } from '../../datapath/index.js';
import type { ConnectionStatus, OverlayCounts, SleeveCounts } from '../api.js';

type Counted = Pick<ConnectionStatus, 'overlays' | 'rekeys' | 'changes' | 'changedMs' | 'changeReason'>;

/** @param traffic undefined: the datapath does not know the peer */
export function overlayCounts(traffic: PeerTraffic | undefined): Counted {
  const { vxlan, sleeve, changes, now } = traffic ?? {};
  const last = changes?.last;
  return {
    overlays: { vxlan: vxlanCounts(vxlan), sleeve: sleeveCounts(sleeve?.direct), relay: sleeveCounts(sleeve?.relay) },
    rekeys: sleeve?.rekeys ?? 0,
    changes: changes?.count ?? 0,
    changedMs: last === undefined || now === undefined ? null : Math.round(now - last.at),
    changeReason: last?.why ?? '',
  };
}

const vxlanCounts = (vxlan: PeerTraffic['vxlan']): OverlayCounts['vxlan'] =>
  vxlan === undefined
    ? null
    : {
        ...{ txFrames: vxlan.tx.frames, txBytes: vxlan.tx.bytes },
        ...{ rxFrames: vxlan.rx.frames, rxBytes: vxlan.rx.bytes },
      };

function sleeveCounts(way: WayTraffic | undefined): SleeveCounts | null {
  if (way === undefined) return null;
  const { txSizes, rxSizes, drops, ...counters } = way;
  const isUsed = Object.values(counters).some((n) => n > 0) || Object.keys(drops).length > 0;
  return isUsed ? { ...counters, superFrames: { tx: txSizes, rx: rxSizes }, drops } : null;
}
