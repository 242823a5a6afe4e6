// What a mesh costs that has nothing to do: ten routers with a container each, by the counters of their interfaces.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../cli/demo/namespace.js';
import { attached, joinedRouters } from '../../test/support/mesh-lab.js';
import { inLab } from '../support/hosts.js';
import { usageOf } from '../support/machine.js';
import { atMost, short, type Part } from '../support/report.js';
import { median } from '../support/statistics.js';

const ROUTERS = 10;
/** Until joins have settled and the containers' own IPv6 start-up chatter is over. */
const SETTLE_MS = 20_000;
const FLOOR_BYTES_PER_S = 1024;

interface Host {
  /** All it sent on the underlay, Ethernet headers included; bytes per s. */
  readonly txPerS: number;
  readonly cpuPercent: number;
  readonly rssMiB: number;
}

export const idlePart: Part = {
  name: 'idle',
  title: `Idle mesh of ${ROUTERS}, one container each`,
  run: ({ idleS, say }) =>
    inLab(async (lab) => {
      const routers = await joinedRouters(
        lab,
        Array.from({ length: ROUTERS }, (_, i) => `h${i}`),
      );
      for (const [i, router] of routers.entries()) await attached(lab, router, `c${i}`, `10.32.0.${i + 1}/12`);
      await sleep(SETTLE_MS);
      const look = () =>
        Promise.all(routers.map(async (r) => ({ tx: await sent(r.host.netns), cpuS: usageOf(r.pid).cpuS })));
      const [before, startedAt] = [await look(), performance.now()];
      say(`counting for ${idleS} s`);
      await sleep(idleS * 1000);
      const [after, seconds] = [await look(), (performance.now() - startedAt) / 1000];
      const hosts = routers.map((router, i): Host => ({
        txPerS: (after[i]!.tx - before[i]!.tx) / seconds,
        cpuPercent: ((after[i]!.cpuS - before[i]!.cpuS) / seconds) * 100,
        rssMiB: usageOf(router.pid).rssBytes / 2 ** 20,
      }));
      const of = (pick: keyof Host): number[] => hosts.map((h) => h[pick]);
      const worst = (pick: keyof Host): string => short(Math.max(...of(pick)));
      const middle = (pick: keyof Host): string => short(median(of(pick)));
      return {
        columns: ['worst', 'median'],
        figures: [
          atMost('sent per router', Math.max(...of('txPerS')), FLOOR_BYTES_PER_S, 'B/s', middle('txPerS')),
          { what: 'processor', cells: [`${worst('cpuPercent')} %`, middle('cpuPercent')] },
          { what: 'resident memory', cells: [`${worst('rssMiB')} MiB`, middle('rssMiB')] },
        ],
        data: hosts,
      };
    }),
};

async function sent(netns: Namespace): Promise<number> {
  const [link] = JSON.parse(await netns.must('ip', '-j', '-s', 'link', 'show', 'eth0')) as [Stats];
  return link.stats64.tx.bytes;
}

interface Stats {
  readonly stats64: { readonly tx: { readonly bytes: number } };
}
