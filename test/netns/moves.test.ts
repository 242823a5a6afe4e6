// An address moves between hosts while somebody talks to it.
//
//   web ── host a │ host b      client ── host c, where the pings come from
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { tablesAreTrue, type Placed } from '../support/kernel-truth.js';
import { createLab, eventually, type Namespace } from '../support/netns.js';
import { PingWatch } from '../support/ping-watch.js';
import type { RouterProcess } from '../support/router-process.js';

const GAP_MS = 1_000; // 300 is what is asked of a machine that does nothing else; the diagnostics say what was
const IPS = ['10.32.0.9/12', 'fd32::9/64'];
const MAC = '02:00:00:00:09:01';
const OTHER_MAC = '02:00:00:00:09:02';

const lab = createLab();
const routers = await joinedRouters(lab, ['a', 'b', 'c']);
const [a, b, c] = routers as [RouterProcess, RouterProcess, RouterProcess];
const client = await attached(lab, c, 'client', '10.32.0.1/12', 'fd32::1/64');
const webs = new Map([a, b].map((r): [RouterProcess, Namespace] => [r, lab.container(`web-${r.host.name}`)]));

const attach = (on: RouterProcess, mac: string): Promise<unknown> =>
  on.client.attach({ target: webs.get(on)!.name, ips: IPS, mac });
const detach = (on: RouterProcess): Promise<unknown> => on.client.detach({ target: webs.get(on)!.name });
const truth = (on: RouterProcess): Placed[] => [
  { on: c, container: client },
  { on, container: webs.get(on)! },
];

/** Both families, from host c. */
const watches = (): PingWatch[] => ['10.32.0.9', 'fd32::9'].map((ip) => new PingWatch(client, ip, 10));

async function move(t: TestContext, from: RouterProcess, to: RouterProcess, mac: string): Promise<void> {
  const pings = watches();
  for (const ping of pings) await ping.answered(5_000);
  const start = Date.now();
  await detach(from);
  const detached = Date.now();
  await attach(to, mac);
  const done = Date.now();
  await tablesAreTrue(routers, truth(to));
  for (const ping of pings) await ping.answered(5_000, 20);
  for (const [i, ping] of pings.entries()) {
    const first = ping.firstAfter(done)!;
    const { lost, gapMs } = await ping.stop(start - 100);
    t.diagnostic(
      `IPv${i === 0 ? 4 : 6}: ${lost} pings lost, ${gapMs.toFixed(0)} ms without a reply, of which detach took ${detached - start} and ` +
        `attach ${done - detached}; first reply ${(first - done).toFixed(0)} ms after attach returned`,
    );
    assert.ok(gapMs < GAP_MS, `${gapMs} ms without a reply`);
  }
}

test('with the same MAC', async (t) => {
  await attach(a, MAC);
  await tablesAreTrue(routers, truth(a));
  await move(t, a, b, MAC);
});

test('with a new MAC, which the client has not in its cache', (t) => move(t, b, a, OTHER_MAC));

test('an owner that was cut off does not get it back when it returns', async (t) => {
  lab.partition(['a'], ['b', 'c']);
  await eventually('a is faulty', 15_000, async () =>
    (await b.status()).peers.find((p) => p.name === 'a')?.status === 'faulty' ? true : undefined,
  );
  await assert.rejects(c.client.attach({ target: client.name, ips: ['10.32.0.1/12'] })); // attached already: that stays so
  await attach(b, MAC);
  const pings = watches();
  for (const ping of pings) await ping.answered(5_000);
  const healed = Date.now();
  lab.healAll();
  await eventually('a knows that it lost', 15_000, async () =>
    (await a.status()).endpoints.every((e) => e.state === 'conflict') ? true : undefined,
  );
  await sleep(1_000);
  for (const ping of pings) {
    const { lost, replies } = await ping.stop(healed - 500);
    t.diagnostic(`${lost} of ${lost + replies} pings lost while a came back`);
    assert.equal(lost, 0);
  }
  await detach(a);
  await tablesAreTrue(routers, truth(b));
});
