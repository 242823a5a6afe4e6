// Attach to first reply: from the return of `attach` on one host until a container on another has its answer.
import { attached, joinedRouters } from '../../test/support/mesh-lab.js';
import type { Namespace } from '../../test/support/netns.js';
import { inLab } from '../support/hosts.js';
import { atMost, short, type Part } from '../support/report.js';
import { median, quantile } from '../support/statistics.js';

const TIMES = 60;
const FLOOR_MS = 200;

export const attachPart: Part = {
  name: 'attach',
  title: `Attach to the first reply from another host, ${TIMES} times, ms after attach returned`,
  run: ({ say }) =>
    inLab(async (lab) => {
      const [a, b] = await joinedRouters(lab, ['a', 'b']);
      const from = await attached(lab, b!, 'from', '10.32.0.1/12');
      await attached(lab, a!, 'known', '10.32.0.2/12');
      const data: { attachMs: number; replyMs: number; knownMs: number }[] = [];
      for (let i = 0; i < TIMES; i++) {
        const ip = `10.32.1.${i + 1}`;
        const { name } = lab.container(`c${i}`);
        const startedAt = Date.now();
        await a!.client.attach({ target: name, ips: [`${ip}/12`] });
        const returnedAt = Date.now();
        const replyMs = (await replyFrom(from, ip)) - returnedAt;
        const againAt = Date.now();
        const knownMs = (await replyFrom(from, '10.32.0.2')) - againAt;
        data.push({ attachMs: returnedAt - startedAt, replyMs, knownMs });
      }
      const of = (pick: keyof (typeof data)[number]): number[] => data.map((d) => d[pick]);
      const cells = (values: readonly number[]): string[] => [short(Math.max(...values))];
      say(`attach itself: p50 ${short(median(of('attachMs')))} ms, p99 ${short(quantile(of('attachMs'), 0.99))} ms`);
      return {
        columns: ['value', 'worst'],
        figures: [
          { what: 'reply, p50', cells: [`${short(median(of('replyMs')))} ms`] },
          atMost('reply, p99', quantile(of('replyMs'), 0.99), FLOOR_MS, 'ms', ...cells(of('replyMs'))),
          { what: 'of which starting ping, p50', cells: [`${short(median(of('knownMs')))} ms`] },
          { what: 'attach itself, p50', cells: [`${short(median(of('attachMs')))} ms`, ...cells(of('attachMs'))] },
        ],
        data,
      };
    }),
};

/** @returns when the first reply came, ms since 1970. @throws Error if none does within 5 s */
async function replyFrom(from: Namespace, ip: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await from.run('ping', '-D', '-n', '-c', '1', '-W', '0.05', ip);
    const reply = /^\[(\d+\.\d+)\] \d+ bytes from /m.exec(stdout);
    if (reply) return Number(reply[1]) * 1000;
  }
  throw new Error(`${ip} does not answer`);
}
