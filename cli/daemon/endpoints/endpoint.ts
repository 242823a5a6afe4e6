// What an endpoint is: on disk, in memory and in `status`.
import type { Cidr, EndpointId, Mac, NetworkName } from '../../../router/types.js';
import type { EndpointStatus } from '../../api.js';
import type { Holding } from './announcer.js';

/** What is kept on disk of an endpoint. */
export interface StoredEndpoint {
  readonly id: EndpointId;
  readonly network: NetworkName;
  readonly mac: Mac;
  readonly ips: readonly Cidr[];
  /** @see EndpointSpec.allowSpoof */
  readonly allowSpoof: boolean;
  /** Empty while it has no sandbox. */
  readonly ifname: string;
  /** ResolvedTarget.key, or empty. */
  readonly target: string;
  /** The inode of the namespace it was joined to; undefined without one. */
  readonly inode: bigint | undefined;
  /** `joining`: nobody was told yet that it is joined. `gone`: its sandbox died, its addresses are free. Otherwise undefined. */
  readonly stage: 'joining' | 'gone' | undefined;
}

export interface Endpoint extends StoredEndpoint {
  readonly state: 'attached' | 'created' | 'gone';
  /** Why it is gone; empty otherwise. */
  readonly why: string;
  /** Monotonic, ms; 0 unless it is gone. */
  readonly goneAtMs: number;
}

export const created = (stored: StoredEndpoint): Endpoint => ({ ...stored, state: 'created', why: '', goneAtMs: 0 });

/** As the disk remembers it, before its sandbox was looked for. @param nowMs monotonic: it is waited for anew */
export const restored = (stored: StoredEndpoint, nowMs: number): Endpoint =>
  stored.stage === 'gone'
    ? { ...stored, state: 'gone', why: 'its sandbox was gone when the router ended', goneAtMs: nowMs }
    : created(stored);

export const storedOf = ({
  id,
  network,
  mac,
  ips,
  allowSpoof,
  ifname,
  target,
  inode,
  stage,
}: StoredEndpoint): StoredEndpoint => ({
  id,
  network,
  mac,
  ips,
  allowSpoof,
  ifname,
  target,
  inode,
  stage,
});

/** Is it what a second request for the same id asks for? */
export const isSame = (a: StoredEndpoint, b: StoredEndpoint): boolean =>
  a.network === b.network && a.mac === b.mac && a.ips.join() === b.ips.join() && a.allowSpoof === b.allowSpoof;

/** @param lost an address of it that another peer's claim won */
export function endpointStatus(e: Endpoint, lost: Holding | undefined): EndpointStatus {
  const { id, network, mac, ips, allowSpoof, ifname, target } = e;
  const name = target || id;
  const base = { id, network, mac, ips, allowSpoof, ifname, target, denied: 0 };
  if (lost !== undefined) {
    const reason = `${lost.what} is claimed by ${lost.name} as well, and its claim won`;
    return { ...base, state: 'conflict', reason, remedy: `mesh detach ${name} here or there` };
  }
  if (e.state !== 'gone') return { ...base, state: e.state, reason: '', remedy: '' };
  const reason = `${e.why}; it is attached again when it returns within 10 minutes`;
  return { ...base, state: 'gone', reason, remedy: `mesh detach ${name}` };
}
