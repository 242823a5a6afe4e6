// Very many MACs, announced by one peer to a real router: how fast they reach the kernel, whether `status` answers
// meanwhile, and what they cost in memory.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { attached } from '../../test/support/mesh-lab.js';
import type { Lab, Namespace } from '../../test/support/netns.js';
import { launchRouter } from '../../test/support/router-process.js';
import type { LinkIndex } from '../../router/types.js';
import { inLab } from '../support/hosts.js';
import { usageOf } from '../support/machine.js';
import { atMost, short, type Figure, type Part } from '../support/report.js';
import { RowWatch, type Links } from '../support/row-watch.js';
import { StatusLoop } from '../support/status-loop.js';

const ANNOUNCER = fileURLToPath(new URL('../support/announcer.js', import.meta.url));
const WITHIN_MS = 120_000;
/** After the last row: reading back and collecting garbage are over. */
const REST_MS = 8_000;

/** With an IPv4 address an endpoint is four rows: vxlan, bridge and two neighbours, the second its link-local address. */
const LOADS = [
  { count: 10_000, family: 'v4', rowsEach: 4 },
  { count: 100_000, family: 'v6', rowsEach: 3 },
  { count: 100_000, family: 'v4', rowsEach: 4 },
] as const;
type Load = (typeof LOADS)[number];

const FLOOR = { rows: 300_000, programmedS: 2, statusMs: 100, rssMB: 250 };

interface Measured {
  readonly count: number;
  readonly rows: number;
  readonly recordBytes: number;
  /** From the first record sent to the last: the exchange. */
  readonly sendingS: number;
  /** From the last record sent, by when all had arrived or were about to, to the last row in the kernel. */
  readonly programmedS: number;
  /** Processor time of the router from the first record sent to the last row: what others on the machine do not add to. */
  readonly cpuS: number;
  readonly statusMaxMs: number;
  readonly statusAnswers: number;
  readonly rssMB: number;
  readonly peakMB: number;
}

export const macsPart: Part = {
  name: 'macs',
  title: 'MACs announced by one peer: from the arrival of the records to the last kernel row',
  async run({ say }) {
    const data: Measured[] = [];
    for (const load of LOADS) {
      const m = await inLab((lab) => measure(lab, load));
      say(
        `${m.count} MACs, ${m.rows} rows: programmed in ${short(m.programmedS)} s after ${short(m.sendingS)} s of sending`,
      );
      data.push(m);
    }
    return { columns: ['value', 'rows per s'], figures: data.flatMap(figures), data };
  },
};

function figures(m: Measured): Figure[] {
  const perS = (Math.round(m.rows / m.programmedS / 1000) * 1000).toLocaleString('en');
  const what = `${m.count.toLocaleString('en')} MACs, ${m.rows.toLocaleString('en')} rows`;
  const isPromised = m.rows === FLOOR.rows;
  const figure = (name: string, value: number, limit: number, unit: string, ...more: string[]): Figure =>
    isPromised
      ? atMost(name, value, limit, unit, ...more)
      : { what: name, cells: [`${short(value)} ${unit}`, ...more] };
  return [
    figure(what, m.programmedS, FLOOR.programmedS, 's', perS),
    { what: '  processor time of both, all threads', cells: [`${short(m.cpuS)} s`] },
    { what: '  exchange of records before', cells: [`${short(m.sendingS)} s`] },
    figure('  longest status meanwhile', m.statusMaxMs, FLOOR.statusMs, 'ms'),
    figure('  resident afterwards', m.rssMB, FLOOR.rssMB, 'MB'),
    { what: '  resident at most', cells: [`${short(m.peakMB)} MB`] },
  ];
}

async function measure(lab: Lab, { count, family, rowsEach }: Load): Promise<Measured> {
  const router = await launchRouter(lab, lab.host('a'));
  await attached(lab, router, 'one', '10.32.0.1/12');
  const watch = new RowWatch(router.host.netns.path, await linksOf(router.host.netns), count, family === 'v4');
  try {
    const status = new StatusLoop(router);
    const sent = announce(lab, router.host.v4, count, family);
    const before = usageOf(router.pid).cpuS;
    const { lastAt } = await watch.complete(WITHIN_MS);
    const cpuS = usageOf(router.pid).cpuS - before;
    const latencies = await status.stop();
    const rows = await watch.count();
    if (rows !== count * rowsEach) throw new Error(`${rows} rows were read back, not ${count * rowsEach}`);
    await sleep(REST_MS);
    const usage = usageOf(router.pid);
    return {
      count,
      rows,
      recordBytes: sent.bytes,
      sendingS: (sent.lastAt - sent.firstAt) / 1000,
      programmedS: (lastAt - sent.lastAt) / 1000,
      cpuS,
      statusMaxMs: Math.max(...latencies),
      statusAnswers: latencies.length,
      rssMB: usage.rssBytes / 1e6,
      peakMB: usage.peakBytes / 1e6,
    };
  } finally {
    watch.close();
  }
}

interface Sent {
  firstAt: number;
  lastAt: number;
  bytes: number;
}

/** Starts the announcer. @returns what it has sent, up to date */
function announce(lab: Lab, peer: string, count: number, family: string): Sent {
  const sent: Sent = { firstAt: 0, lastAt: 0, bytes: 0 };
  const argv = [process.execPath, ANNOUNCER, join(lab.dir, 'announcer'), `${count}`, family, peer];
  const child = lab.host('announcer').netns.start(argv, ['ignore', 'pipe', 'inherit']);
  let rest = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const { sentAt, bytes } = JSON.parse(line) as { sentAt: number; bytes: number };
      Object.assign(sent, { firstAt: sent.firstAt || sentAt, lastAt: sentAt, bytes });
    }
  });
  return sent;
}

async function linksOf(netns: Namespace): Promise<Links> {
  const links = JSON.parse(await netns.must('ip', '-j', 'link')) as { ifname: string; ifindex: number }[];
  const index = (prefix: string): LinkIndex => links.find((l) => l.ifname.startsWith(prefix))!.ifindex as LinkIndex;
  return { bridge: index('mb-'), vxlan: index('mv-') };
}
