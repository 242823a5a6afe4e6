// What `status` says of this host's sleeve as a whole: where its port is, what it lacks, and what it counted.
import type { SocketAddress } from '../router/types.js';
import type { Capability } from './datapath.js';
import type { Way } from './paths/path-report.js';
import { FAST_PATH, type FastPart } from './sleeve/fast-path.js';
import type { Sleeve } from './sleeve/sleeve.js';

/** A peer's sleeve listens on the port below its vxlan's (docs/protocol.md). */
export const sleevePort = (vxlanPort: number): number => vxlanPort - 1;

export const sleeveAddress = ({ vtep }: Way): SocketAddress => ({ ip: vtep.ip, port: sleevePort(vtep.port) });

/** @param refusal why there is no sleeve. @param missing what it does without */
export function sleeveCapabilities(
  refusal: string | undefined,
  missing: Iterable<FastPart>,
  port: number,
): readonly Capability[] {
  if (refusal === undefined) return [...missing].map((part) => ({ name: 'sleeve', ok: false, ...FAST_PATH[part] }));
  const remedy = refusal.includes('EADDRINUSE') ? `ss -lunp | grep ${port}` : '';
  return [{ name: 'sleeve', ok: false, reason: refusal, remedy }];
}

/** Each under the name that `status` shows; what is 0 is left out. */
export function sleeveCounters(counted: ReturnType<Sleeve['counters']>): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [direction, totals] of [
    ['tx', counted.tx],
    ['rx', counted.rx],
  ] as const)
    for (const [name, n] of Object.entries(totals)) if (n > 0) named[`sleeve-${direction}-${name}`] = n;
  if (counted.bufferDrops > 0) named['sleeve-rx-socket-buffer'] = counted.bufferDrops;
  return named;
}
