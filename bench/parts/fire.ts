// `status` while the mesh is on fire: peers that come and go all the time, and a stranger who sends rubbish.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { attached } from '../../test/support/mesh-lab.js';
import type { Lab } from '../../test/support/netns.js';
import { launchRouter } from '../../test/support/router-process.js';
import { inLab } from '../support/hosts.js';
import { load, usageOf } from '../support/machine.js';
import { atMost, short, type Part } from '../support/report.js';
import { quantile } from '../support/statistics.js';
import { StatusLoop } from '../support/status-loop.js';

const FLAPPING = fileURLToPath(new URL('../support/flapping.js', import.meta.url));
const PEERS = 30;
const WARM_UP_MS = 5_000;
const WATCHED_MS = 20_000;
const LIMIT_MS = 50;

export const firePart: Part = {
  name: 'fire',
  title: `status while ${PEERS} peers come and go every second or two, and 2,000 datagrams of rubbish a second arrive`,
  async run({ say }) {
    const data = await inLab(measure);
    say(`${data.answers} answers, load ${short(data.load)}, router at ${short(data.cpuPercent)} % of a processor`);
    const ms = (value: number): string => `${short(value)} ms`;
    return {
      columns: ['value'],
      figures: [
        { what: 'status p50', cells: [ms(data.p50)] },
        atMost('  p90', data.p90, LIMIT_MS, 'ms'),
        atMost('  p99', data.p99, LIMIT_MS, 'ms'),
        { what: '  longest', cells: [ms(data.max)] },
        { what: '  processor of the router', cells: [`${short(data.cpuPercent)} %`] },
      ],
      data,
    };
  },
};

async function measure(lab: Lab) {
  const router = await launchRouter(lab, lab.host('a'));
  await attached(lab, router, 'one', '10.32.0.1/12');
  const argv = [process.execPath, FLAPPING, join(lab.dir, 'flapping'), `${PEERS}`, router.host.v4];
  lab.host('flapping').netns.start(argv, ['ignore', 'ignore', 'inherit']);
  await sleep(WARM_UP_MS);
  const before = usageOf(router.pid).cpuS;
  const status = new StatusLoop(router);
  await sleep(WATCHED_MS);
  const latencies = [...(await status.stop())].sort((a, b) => a - b);
  const { peers, counters } = await router.status();
  const cpuPercent = ((usageOf(router.pid).cpuS - before) / (WATCHED_MS / 1000)) * 100;
  return {
    answers: latencies.length,
    p50: quantile(latencies, 0.5),
    p90: quantile(latencies, 0.9),
    p99: quantile(latencies, 0.99),
    max: latencies.at(-1)!,
    cpuPercent,
    load: load(),
    peers: peers.length,
    counters,
  };
}
