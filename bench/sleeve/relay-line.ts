// Four routers in a row, each joined by a cable to the next and to nobody else: those that are no neighbours have no route to one
// another, so the mesh's own relays carry.
import { attached } from '../../test/support/mesh-lab.js';
import type { Lab, Namespace } from '../../test/support/netns.js';
import { carriedBy } from '../../test/support/overlay-lab.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../../test/support/router-process.js';
import { SLEEVE_PORT } from '../../test/support/sleeve-lab.js';
import { cable } from '../support/hosts.js';
import { usageOf } from '../support/machine.js';
import type { Carrier, Contender, Role } from './contender.js';

const NAMES = ['e', 'f', 'g', 'h'] as const;
const UP_WITHIN_MS = 60_000;

/** @returns the ways over one relay and over two. @throws Error if the mesh does not carry by relays */
export async function relayLine(lab: Lab): Promise<readonly Contender[]> {
  const hosts = NAMES.map((name) => lab.host(name));
  for (const { netns } of hosts) netns.ip('link del eth0');
  for (const [i, host] of hosts.slice(1).entries())
    await cable(
      { host: hosts[i]!, link: 'right', cidrs: [`${outside(i, 1)}/24`] },
      { host, link: 'left', cidrs: [`${outside(i, 2)}/24`] },
    );
  const routers: RouterProcess[] = [];
  for (const [i, host] of hosts.entries())
    routers.push(await launchRouter(lab, host, ...(i > 0 ? [outside(i - 1, 1)] : [])));
  await allSeeAll(routers, UP_WITHIN_MS);
  const containers = await Promise.all(
    routers.map((r, i) => attached(lab, r, `line-${r.host.name}`, `${inside(i)}/12`)),
  );
  return Promise.all([1, 2].map((relays) => overRelays(relays, routers, containers)));
}

const outside = (cableOf: number, end: 1 | 2): string => `10.98.${cableOf}.${end}`;
const inside = (i: number): string => `10.32.0.${i + 1}`;

/** From the first router past `relays` others. */
async function overRelays(
  relays: number,
  routers: readonly RouterProcess[],
  containers: readonly Namespace[],
): Promise<Contender> {
  const [first, last] = [0, relays + 1];
  const [from, to, address] = [containers[first]!, containers[last]!, inside(last)];
  await carriedBy('relay', routers[first]!, routers[last]!, UP_WITHIN_MS);
  const carriers = routers.slice(first, last + 1).map((router, i) => carrier(roleOf(i, last), router));
  const title = relays === 1 ? 'sleeve, 1 relay' : `sleeve, ${relays} relays`;
  return { name: `relay${relays}`, title, kind: 'ours', from, to, address, carriers };
}

const roleOf = (i: number, last: number): Role => (i === 0 ? 'sends' : i === last ? 'receives' : 'relays');

const carrier = (role: Role, router: RouterProcess): Carrier => ({
  role,
  host: router.host,
  port: SLEEVE_PORT,
  cpuS: () => Promise.resolve(usageOf(router.pid).cpuS),
});
