// From launch to all-see-all: one seed runs, then all the others are started at once, as processes. Nobody is asked
// anything meanwhile: the times are those of the routers' own logs, and `status` has the last word.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type RouterClient } from '../../cli/client.js';
import { MESH } from '../../cli/demo/stage.js';
import { eventually, type Host, type Lab } from '../../test/support/netns.js';
import { inLab } from '../support/hosts.js';
import { short, type Figure, type Part } from '../support/report.js';
import { median } from '../support/statistics.js';

const SIZES = [2, 10, 30];
const REPEATS = 3;
const WITHIN_MS = 120_000;
/** Of 10 routers; Weave Net took 5.3 s. */
const FLOOR_S = 2;

interface Launched {
  readonly host: Host;
  readonly log: string;
  readonly client: RouterClient;
}

/** Seconds since the others were started. */
interface Times {
  /** The last process serves its socket: what starting so many programs costs on this machine. */
  readonly served: number;
  /** The last router learnt that the last other one is alive. */
  readonly seen: number;
  /** The last pair connected. */
  readonly connected: number;
}

export const launchPart: Part = {
  name: 'launch',
  title: 'Launch to all-see-all, s after starting all but the seed at once, best and median',
  async run({ say }) {
    const data: Record<string, Times[]> = {};
    const failures: string[] = [];
    for (const size of SIZES)
      for (let i = 0; i < REPEATS; i++)
        try {
          const times = await inLab((lab) => launchAll(lab, size));
          (data[size] ??= []).push(times);
          say(describe(size, times));
        } catch (e) {
          failures.push(`${size} routers: ${(e as Error).message}`);
          say(failures.at(-1)!);
          break; // what took too long once would only take as long again
        }
    return {
      columns: ['processes up', 'all see all', 'all connected'],
      figures: SIZES.flatMap((n) => (data[n] ? [figure(n, data[n])] : [])),
      data,
      ...(failures.length > 0 && { failed: failures.join('; ') }),
    };
  },
};

const describe = (size: number, t: Times): string =>
  `${size} routers: served ${short(t.served)} s, all see all ${short(t.seen)} s, all connected ${short(t.connected)} s`;

function figure(size: number, runs: readonly Times[]): Figure {
  const cell = (of: (t: Times) => number): string =>
    `${short(Math.min(...runs.map(of)))} ${short(median(runs.map(of)))}`;
  const seen = median(runs.map((t) => t.seen));
  return {
    what: `${size} routers, ${(size * (size - 1)) / 2} pairs`,
    cells: [cell((t) => t.served), cell((t) => t.seen), cell((t) => t.connected)],
    ...(size === 10 && { floor: `<= ${FLOOR_S} s`, isMet: seen <= FLOOR_S }),
  };
}

async function launchAll(lab: Lab, size: number): Promise<Times> {
  const hosts = Array.from({ length: size }, (_, i) => lab.host(`h${i}`));
  const seed = launch(lab, hosts[0]!);
  await eventually('the seed serves its socket', WITHIN_MS, () => Promise.resolve(at(seed, 'launched')));
  const startedAt = Date.now();
  const routers = [seed, ...hosts.slice(1).map((host) => launch(lab, host, hosts[0]!.v4))];
  const last = (event: string, peers?: number): Promise<number> =>
    eventually(`all ${size} routers log ${event} of all`, WITHIN_MS, () =>
      Promise.resolve(lastOf(routers.map((r) => at(r, event, peers)))),
    );
  const served = await last('launched');
  const seen = await last('peer-alive', size - 1);
  const connected = await last('connection-up', size - 1);
  await confirm(routers);
  const since = (ms: number): number => (ms - startedAt) / 1000;
  return { served: since(served), seen: since(seen), connected: since(connected) };
}

function launch(lab: Lab, host: Host, ...peers: readonly string[]): Launched {
  const [log, socket] = [join(lab.dir, `${host.name}.log`), join(lab.dir, `${host.name}.sock`)];
  const fd = openSync(log, 'a');
  const own = ['--name', host.name, '--state-dir', join(lab.dir, host.name), '--socket', socket];
  host.netns.start([process.execPath, MESH, 'launch', ...own, '--log-format', 'json', ...peers], ['ignore', fd, fd]);
  closeSync(fd);
  return { host, log, client: createClient(socket) };
}

/** When the router had logged `event` of `peers` different peers. @returns ms since 1970; undefined while it has not */
function at({ log }: Launched, event: string, peers = 0): number | undefined {
  const seen = new Set<unknown>();
  for (const line of readFileSync(log, 'utf8').split('\n').slice(0, -1)) {
    const entry = parse(line);
    if (entry['event'] !== event) continue;
    seen.add(entry['id']);
    if (seen.size >= peers) return Date.parse(entry['time'] as string);
  }
  return undefined;
}

/** What is no JSON is a complaint on stderr: it shows when the part fails. */
function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    throw new Error(`a router says: ${line}`);
  }
}

const lastOf = (times: readonly (number | undefined)[]): number | undefined =>
  times.includes(undefined) ? undefined : Math.max(...(times as number[]));

/** @throws Error unless each router shows each other alive and connected */
async function confirm(routers: readonly Launched[]): Promise<void> {
  for (const { host, client } of routers) {
    const { peers, connections } = await client.status();
    const [alive, up] = [peers.filter((p) => p.status === 'alive'), connections.filter((c) => c.control === 'up')];
    if (alive.length !== routers.length - 1 || up.length !== routers.length - 1)
      throw new Error(
        `${host.name} shows ${alive.length} peers alive and ${up.length} connections of ${routers.length - 1}`,
      );
  }
}
