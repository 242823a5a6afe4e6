// A host's underlay address changes while its router runs, as a DHCP server may have it.
import { test } from 'node:test';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { createLab, eventually, ping } from '../support/netns.js';

const WITHIN_MS = 30_000; // the dead TCP streams must be noticed first

const lab = createLab();
const [a, b, c] = await joinedRouters(lab, ['a', 'b', 'c']);
const ca = await attached(lab, a!, 'ca', '10.32.0.1/12');
await attached(lab, b!, 'cb', '10.32.0.2/12');
await attached(lab, c!, 'cc', '10.32.0.3/12');

test('a host whose address changes under a running router is reached at the new one, from both sides', async (t) => {
  const startedAt = performance.now();
  b!.host.netns.ip(`addr del ${b!.host.v4}/24 dev eth0`, 'addr add 10.99.0.77/24 dev eth0');
  await eventually('the container on it answers again', WITHIN_MS, async () =>
    (await ping(ca, '10.32.0.2', 3, 20)).received === 3 ? true : undefined,
  );
  t.diagnostic(`back after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  await eventually('all name the new address', WITHIN_MS, async () => {
    const seen = (await a!.status()).peers.find((p) => p.name === 'b');
    return seen?.status === 'alive' && seen.endpoints.includes('10.99.0.77:6783') ? true : undefined;
  });
});
