// Between endpoints and the router: who holds an address, claiming it, letting go of it.
import { cidrIp } from '../../../router/address.js';
import type { Cidr, EndpointId, Mac, NetworkName } from '../../../router/types.js';
import { ipKey, macKey, type Router } from '../../../router/index.js';
import { Refused } from '../control.js';

export interface Announced {
  readonly id: EndpointId;
  readonly network: NetworkName;
  readonly mac: Mac;
  readonly ips: readonly Cidr[];
}

/** An address that another peer holds. */
export interface Holding {
  readonly what: string;
  readonly name: string;
  readonly state: string;
}

export interface Announcer {
  /** @param fresh @see LocalEndpoints.announce */
  announce(endpoint: Announced, fresh: boolean): void;
  withdraw(id: EndpointId): void;
  /** A router that was told of peers waits a moment for their definition; cut off, it goes on with its own. @throws Refused */
  needNetwork(network: NetworkName): Promise<void>;
  /**
   * Waits a moment for an address that is just being released elsewhere.
   * @returns warnings: addresses taken over from peers that do not answer
   * @throws Refused with the holder's name
   */
  checkFree(endpoint: Announced): Promise<readonly string[]>;
  /** The first address of ours that another peer's claim won. */
  lostTo(endpoint: Announced): Holding | undefined;
}

const RELEASE_WAIT_MS = 1_000; // a detach elsewhere is known here within one round trip; this is patience with a busy host
const JOIN_WAIT_MS = 3_000;
const POLL_MS = 20;

export const createAnnouncer = (router: Router): Announcer => ({
  announce: (e, fresh) =>
    router.dispatch({
      kind: 'announce',
      fresh,
      endpoint: { id: e.id, network: e.network, mac: e.mac, ips: e.ips.map(cidrIp) },
    }),
  withdraw: (id) => router.dispatch({ kind: 'withdraw', id }),
  async needNetwork(network) {
    await until(() => router.core.isInMesh, JOIN_WAIT_MS);
    if (router.core.ledger.network(network) !== undefined) return;
    throw router.core.isInMesh
      ? new Refused(`there is no network "${network}" in this mesh`, 'mesh status networks')
      : new Refused('no router of the mesh has answered yet', 'mesh status');
  },
  async checkFree(e) {
    await until(() => !taken(router, e).some(isAnswering), RELEASE_WAIT_MS);
    const held = taken(router, e);
    const alive = held.find(isAnswering);
    if (alive !== undefined) throw new Refused(`${alive.what} is in use on ${alive.name}`, 'mesh status macs');
    return held.map((h) => `${h.what} was ${h.name}'s, which is ${h.state}; it is taken over`);
  },
  lostTo: (e) => taken(router, e)[0],
});

async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  for (let waited = 0; waited < withinMs && !isSo(); waited += POLL_MS)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

const isAnswering = (h: Holding): boolean => h.state === 'alive' || h.state === 'suspect';

const taken = (router: Router, e: Announced): readonly Holding[] =>
  [
    [e.mac as string, macKey(e.mac)] as const,
    ...e.ips.map((ip) => [cidrIp(ip) as string, ipKey(cidrIp(ip))] as const),
  ].flatMap(([what, key]) => {
    const holder = router.core.ledger.holder(e.network, key);
    return holder === undefined ? [] : [{ what, name: holder.name, state: holder.state }];
  });
