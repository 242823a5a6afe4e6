// A flood at each port of a router, beside the same flood dropped where it comes in, before any table of ours: what two joined peers
// notice of it. The variants take turns while the flood goes on.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Port } from '../../test/support/flood/attack-frames.js';
import { Attacker } from '../../test/support/flood/flood-lab.js';
import { attached } from '../../test/support/mesh-lab.js';
import { eventually, ping, type Host, type Lab } from '../../test/support/netns.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../../test/support/router-process.js';
import { cable, cabledHosts, inLab } from '../support/hosts.js';
import { serve, throughput, warmUp, type Way } from '../support/iperf.js';
import { load, usageOf } from '../support/machine.js';
import { short, type Figure, type Part, type Settings } from '../support/report.js';
import { median } from '../support/statistics.js';

const PER_S = 50_000;
const CALLERS = 64;
const PORTS = ['streams', 'datagrams', 'sleeve', 'vxlan'] as const;
const OVERLAYS = ['vxlan', 'sleeve'] as const;
/** `again` is the comparison once more, and shows the noise. */
const VARIANTS = ['ingress', 'guarded', 'again'] as const;
type Variant = (typeof VARIANTS)[number];

const ROUNDS = 5;
const TCP_S = 1;
const PINGS = 60;
const PING_INTERVAL_MS = 3;
const RECORD_MS = 6_000;
const WARM_UP_MS = 1_000;
const SETTLE_MS = 200;
const CALM_MS = 10_000;
const GROWTH_BYTES = 20 * 2 ** 20;

type Values = Readonly<Record<'bitsPerS' | 'rttMs' | 'lost', number>>;
type Round = Readonly<Record<Variant, Values>>;

interface Flooded {
  readonly overlay: string;
  readonly at: Port;
  readonly rounds: readonly Round[];
  readonly sentPerS: number;
  /** Share of one processor that the flooded router took. */
  readonly cpu: number;
  /** Of the flooded router's resident memory, bytes: at most during the flood, and some seconds after. */
  readonly growth: number;
  readonly left: number;
  readonly load: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export const floodPart: Part = {
  name: 'flood',
  title: `${PER_S / 1_000},000 packets a second of garbage and recordings at each port, dropped by us and dropped at the ingress`,
  async run(settings) {
    const all: Flooded[] = [];
    for (const overlay of OVERLAYS)
      if (chosen(overlay).length > 0) all.push(...(await inLab((lab) => measure(lab, overlay, settings))));
    return {
      columns: ['ratio', 'A/A', 'value'],
      figures: all.flatMap(figures),
      notes: [
        'ratios of the medians within a round, to the same flood dropped at the ingress; A/A is that one once more',
      ],
      data: all,
    };
  },
};

/** FLOODS=vxlan/streams,sleeve/sleeve: only these. */
function chosen(overlay: string): readonly Port[] {
  const names = process.env.FLOODS?.split(',');
  return PORTS.filter((at) => names === undefined || names.includes(`${overlay}/${at}`));
}

async function measure(lab: Lab, overlay: string, settings: Settings): Promise<Flooded[]> {
  const [a, b] = await cabledHosts(lab);
  const heard = await lab.capture(a.netns, 'eth0');
  const routers = [await launchRouter(lab, a, '--overlay', overlay), await launchRouter(lab, b, '--overlay', overlay, a.v4)] as const; // prettier-ignore
  const way = await joined(lab, routers, overlay);
  await sleep(RECORD_MS);
  const attacker = new Attacker(await attackerOf(lab, a), a, CALLERS, 'eth1');
  await attacker.record(heard);
  serve(way);
  await warmUp(way);
  const results: Flooded[] = [];
  for (const at of chosen(overlay))
    results.push(
      await settings.exclusively(() => flooded({ overlay, at, way, attacker, router: routers[0], settings })),
    );
  return results;
}

async function joined(lab: Lab, routers: readonly [RouterProcess, RouterProcess], overlay: string): Promise<Way> {
  await allSeeAll(routers, 10_000);
  for (const router of routers)
    await eventually(`${router.host.name} has its overlay`, 30_000, async () =>
      (await router.status()).connections.some((c) => c.overlay === overlay) ? true : undefined,
    );
  const to = await attached(lab, routers[0], 'to', '10.32.0.1/12');
  const from = await attached(lab, routers[1], 'from', '10.32.0.2/12');
  return { name: overlay, from, to, address: '10.32.0.1' };
}

/** A host on a cable of its own, through which all strangers come. */
async function attackerOf(lab: Lab, target: Host): Promise<Host> {
  const x = lab.host('x');
  x.netns.ip('link del eth0');
  await cable(
    { host: x, link: 'eth1', cidrs: ['10.97.0.2/24'] },
    { host: target, link: 'eth1', cidrs: ['10.97.0.1/24'] },
  );
  x.netns.ip(`route add ${target.v4} via 10.97.0.1`);
  return { ...x, v4: '10.97.0.2' };
}

interface Run {
  readonly overlay: string;
  readonly at: Port;
  readonly way: Way;
  readonly attacker: Attacker;
  readonly router: RouterProcess;
  readonly settings: Settings;
}

async function flooded({ overlay, at, way, attacker, router, settings }: Run): Promise<Flooded> {
  const [before, countersBefore] = [usageOf(router.pid), (await router.status()).counters];
  const [startedAt, atStart] = [performance.now(), load()];
  attacker.flood({ at, perS: PER_S, sources: 0 });
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, usageOf(router.pid).rssBytes)), 200);
  await sleep(WARM_UP_MS);
  const rounds: Round[] = [];
  try {
    for (let n = 0; n < ROUNDS; n++) {
      const values: Partial<Record<Variant, Values>> = {};
      for (const variant of rotated(n)) values[variant] = await inVariant(variant, way, router.host);
      rounds.push(values as Round);
    }
  } finally {
    clearInterval(watch);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = (usageOf(router.pid).cpuS - before.cpuS) / seconds;
  const sentPerS = (await attacker.end()) / seconds;
  await sleep(CALM_MS);
  const growth = peak - before.rssBytes;
  const left = usageOf(router.pid).rssBytes - before.rssBytes;
  const { counters } = await router.status();
  const dropped = Object.fromEntries(
    Object.entries(counters)
      .map(([name, n]) => [name, n - (countersBefore[name] ?? 0)] as const)
      .filter(([name, n]) => n > 0 && /guard|half|handshake|datagram|sleeve-rx/.test(name)),
  );
  const result = { overlay, at, rounds, sentPerS, cpu, growth, left, load: atStart, dropped };
  settings.say(`${overlay} ${at}: ${short(sentPerS)} packets/s, load ${short(atStart)}, ${describe(rounds)}`);
  settings.keep(result);
  return result;
}

const rotated = (by: number): readonly Variant[] => VARIANTS.map((_, i) => VARIANTS[(i + by) % VARIANTS.length]!);

async function inVariant(variant: Variant, way: Way, target: Host): Promise<Values> {
  if (variant !== 'guarded') await target.netns.must('nft', INGRESS);
  try {
    await sleep(SETTLE_MS);
    const bitsPerS = await throughput(way, 1, TCP_S);
    const { sent, received, rttMs } = await ping(way.from, way.address, PINGS, PING_INTERVAL_MS);
    return { bitsPerS, rttMs: median(rttMs), lost: sent - received };
  } finally {
    if (variant !== 'guarded') await target.netns.must('nft', 'delete table netdev comparison');
  }
}

const INGRESS =
  'table netdev comparison { chain first { type filter hook ingress device "eth1" priority -500; policy drop; }; }';

const ratios = (rounds: readonly Round[], variant: Variant, what: keyof Values): number =>
  median(rounds.map((round) => round[variant][what] / round.ingress[what]));

const describe = (rounds: readonly Round[]): string =>
  `TCP ${ratios(rounds, 'guarded', 'bitsPerS').toFixed(3)}, RTT ${ratios(rounds, 'guarded', 'rttMs').toFixed(3)}`;

function figures({ overlay, at, rounds, cpu, growth, left }: Flooded): Figure[] {
  const of = (what: keyof Values, variant: Variant = 'guarded'): number => ratios(rounds, variant, what);
  const value = (what: keyof Values): number => median(rounds.map((round) => round.guarded[what]));
  const lost = rounds.reduce((sum, round) => sum + round.guarded.lost, 0);
  const cells = (what: 'bitsPerS' | 'rttMs', text: string): string[] => [
    of(what).toFixed(3),
    of(what, 'again').toFixed(3),
    text,
  ];
  assert.ok(rounds.length > 0);
  return [
    { what: `${overlay}, ${at}: TCP`, cells: cells('bitsPerS', `${(value('bitsPerS') / 1e9).toFixed(2)} Gbit/s`), floor: '>= 0.90', isMet: of('bitsPerS') >= 0.9 }, // prettier-ignore
    { what: '  RTT', cells: cells('rttMs', `${value('rttMs').toFixed(3)} ms`), floor: '<= 1.10', isMet: of('rttMs') <= 1.1 }, // prettier-ignore
    { what: '  pings lost', cells: ['', '', `${lost} of ${rounds.length * PINGS}`], floor: '0', isMet: lost === 0 },
    { what: '  memory, and after', cells: ['', '', `${mib(growth)}, ${mib(left)} MiB`], floor: '< 20 MB', isMet: growth < GROWTH_BYTES }, // prettier-ignore
    { what: '  processor of the router', cells: ['', '', `${short(cpu * 100)} %`] },
  ];
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
