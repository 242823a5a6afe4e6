// What very many idle connections cost one router: it is real, with the kernel's VXLAN; the peers are one process that answers for
// all of them. Without the sleeve, for they have none.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PROBE_VNI } from '../../datapath/paths/probe/device.js';
import { attached } from '../../test/support/mesh-lab.js';
import type { Host } from '../../test/support/netns.js';
import { launchRouter, type RouterProcess } from '../../test/support/router-process.js';
import { cabledHosts, inLab } from '../support/hosts.js';
import { usageOf } from '../support/machine.js';
import { atMost, short, type Part } from '../support/report.js';

const PEERS = 300;
const SCRIPT = fileURLToPath(new URL('../support/crowd-process.js', import.meta.url));
const VXLAN_PORT = 6785;
/** All paths are idle by then: probed at the slowest rate, their MTU found. */
const SETTLE_MS = 120_000;
const CONNECT_MS = 120_000;
const LOOK_MS = 3_000;
const MAX_CPU_PERCENT = 1;

export const crowdPart: Part = {
  name: 'crowd',
  title: `A router with ${PEERS} idle connections`,
  run: ({ idleS, say }) =>
    inLab(async (lab) => {
      const [a, b] = await cabledHosts(lab);
      const router = await launchRouter(lab, a, '--overlay', 'vxlan');
      await attached(lab, router, 'c', '10.32.0.1/12');
      const addresses = plug(a, b);
      const crowd = b.netns.start([process.execPath, SCRIPT, a.v4, ...addresses], ['ignore', 'inherit', 'inherit']);
      try {
        await allConnected(router);
        say('all are connected; waiting until they are idle');
        await sleep(SETTLE_MS);
        const [before, startedAt] = [usageOf(router.pid).cpuS, performance.now()];
        say(`counting for ${idleS} s`);
        await sleep(idleS * 1000);
        const seconds = (performance.now() - startedAt) / 1000;
        const { cpuS, rssBytes } = usageOf(router.pid);
        const cpu = ((cpuS - before) / seconds) * 100;
        return {
          columns: ['value'],
          figures: [
            atMost('processor', cpu, MAX_CPU_PERCENT, '% of one'),
            { what: 'resident memory', cells: [`${short(rssBytes / 2 ** 20)} MiB`] },
          ],
          data: { cpu, rssBytes },
        };
      } finally {
        crowd.kill('SIGKILL');
      }
    }),
};

/** Asks seldom, for to answer is work. */
async function allConnected(router: RouterProcess): Promise<void> {
  const givenUpAt = performance.now() + CONNECT_MS;
  const count = async (): Promise<number> =>
    (await router.status()).connections.filter((c) => c.overlay === 'vxlan').length;
  for (let n = 0; n < PEERS; n = await count()) {
    if (performance.now() > givenUpAt) throw new Error(`only ${n} of ${PEERS} peers are connected`);
    await sleep(LOOK_MS);
  }
}

/** Gives `b` an address for each peer and the device that echoes for them. @returns the addresses */
function plug(a: Host, b: Host): readonly string[] {
  const more = Array.from({ length: PEERS - 1 }, (_, i) => `10.98.${4 + Math.floor(i / 250)}.${(i % 250) + 1}`);
  b.netns.ip(
    ...more.map((ip) => `addr add ${ip}/32 dev eth0`),
    `link add crowd-vxp type vxlan id ${PROBE_VNI} dstport ${VXLAN_PORT} remote ${a.v4} nolearning df set`,
    'link set crowd-vxp mtu 1400 up',
  );
  a.netns.ip(`route add 10.98.0.0/16 dev eth0 via ${b.v4}`);
  return [b.v4, ...more];
}
