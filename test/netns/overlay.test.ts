// Which overlay carries: the kernel's vxlan while it works, else the sleeve, and back.
//
//   ca ── host a ══ vxlan (6785) or sleeve (6784) ══ host b ── cb
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, PingStream } from '../support/mesh-lab.js';
import { createLab, eventually, ping } from '../support/netns.js';
import { blockVxlan, bothWays, carriedBy, connection, sleeveStands, unblock } from '../support/overlay-lab.js';
import { PingWatch } from '../support/ping-watch.js';
import type { RouterProcess } from '../support/router-process.js';

/** 1,000 is promised, and kept where the machine is not the tests' alone (they print it). */
const LEFT_WITHIN_MS = 3_000;
const BACK_WITHIN_MS = 5_000;
/** Traffic quickens the probes when two looks in a row have seen it. */
const NOTICED_MS = 7_000;

const lab = createLab();
const [a, b] = (await joinedRouters(lab, ['a', 'b'])) as [RouterProcess, RouterProcess];
const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
const cb = await attached(lab, b, 'cb', '10.32.0.2/12', 'fd32::2/64');

const tap = async (): Promise<{ ifindex: number; master?: string; operstate: string }> => {
  const text = await a.host.netns.must('ip', '-j', 'link', 'show', 'ms-mesh');
  return (JSON.parse(text) as [{ ifindex: number; master?: string; operstate: string }])[0];
};

test('a vxlan that is blocked is left for the sleeve within a second, and taken again without a loss', async (t) => {
  await Promise.all([sleeveStands(a), sleeveStands(b)]);
  const pings = [new PingWatch(ca, '10.32.0.2', 10), new PingWatch(cb, 'fd32::1', 10)];
  const transfer = bothWays(ca, cb, '10.32.0.2', 20, '--bitrate', '20M');
  await sleep(NOTICED_MS);
  const blockedAt = Date.now();
  await Promise.all([blockVxlan(a), blockVxlan(b)]);
  await carriedBy('sleeve', a, b, 10_000);
  await sleep(3_000);
  const { reason, overlay } = await connection(a, b);
  assert.deepEqual([overlay, reason], ['sleeve', 'vxlan: probes lost']);
  const silences = await Promise.all(pings.map((p) => p.stop(blockedAt - 1_000)));
  const text = silences.map(({ gapMs, lost }) => `${gapMs.toFixed(0)} ms (${lost} pings)`).join(', ');
  t.diagnostic(`the longest silence each way: ${text}`);

  const back = [new PingStream(ca, '10.32.0.2', 10, 800), new PingStream(cb, 'fd32::1', 10, 800)];
  await sleep(500);
  await Promise.all([unblock(a), unblock(b)]);
  const backMs = await carriedBy('vxlan', a, b, 15_000);
  t.diagnostic(`back on the vxlan after ${backMs.toFixed(0)} ms`);
  for (const stream of back) await stream.lostNone();
  const rates = await transfer;
  t.diagnostic(`iperf3 at 20 Mbit/s each way meanwhile: ${rates.map((r) => (r / 1e6).toFixed(1)).join(' and ')}`);
  assert.ok(
    silences.every(({ gapMs }) => gapMs < LEFT_WITHIN_MS),
    text,
  );
  assert.ok(backMs < BACK_WITHIN_MS, `${backMs} ms`);
  assert.ok(rates.every((rate) => rate > 5e6));
  for (const { overlays, changes, changeReason, txBytes } of [await connection(a, b), await connection(b, a)]) {
    const [vxlan, sleeve] = [overlays.vxlan!, overlays.sleeve!];
    assert.ok(changes >= 2 && changeReason === 'better', `${changes} changes, the last: ${changeReason}`);
    assert.ok(vxlan.txBytes > 1e6 && sleeve.txBytes > 1e6 && sleeve.rxBytes > 1e6, JSON.stringify(overlays));
    assert.ok(txBytes! >= sleeve.txBytes, 'what the sleeve carried is in the sum, whatever carries now');
    assert.equal(
      sleeve.superFrames.tx.reduce((sum, n) => sum + n, 0),
      sleeve.txFrames,
    );
    assert.equal(overlays.relay, null);
  }
  const shown = await a.must('status', 'peer', 'b');
  assert.match(shown, /\nsleeve +sent .*\n +received /);
});

test('a router that is killed takes nothing with it: the data stays on the vxlan, for its kernel goes on', async () => {
  const before = a.log().length;
  const streams = [new PingStream(ca, '10.32.0.2', 10, 1_600), new PingStream(cb, 'fd32::1', 10, 1_600)];
  await sleep(NOTICED_MS);
  await b.kill9();
  await sleep(5_000);
  await b.launch();
  for (const stream of streams) await stream.lostNone();
  assert.doesNotMatch(a.log().slice(before), /overlay=sleeve/);
});

test('a router that is killed while the sleeve carries leaves its TAP in the bridge, and uses it again', async (t) => {
  await carriedBy('vxlan', a, b);
  await Promise.all([sleeveStands(b), blockVxlan(a), blockVxlan(b)]);
  await carriedBy('sleeve', a, b);
  const before = await tap();
  await a.kill9();
  assert.deepEqual(
    [(await tap()).ifindex, (await tap()).master],
    [before.ifindex, 'mb-mesh'],
    'it is where it was, with nobody to read it',
  );
  const launchedAt = performance.now();
  await a.launch();
  await carriedBy('sleeve', a, b);
  t.diagnostic(`the sleeve carries ${(performance.now() - launchedAt).toFixed(0)} ms after the launch`);
  assert.equal((await tap()).ifindex, before.ifindex);
  assert.equal((await ping(ca, '10.32.0.2', 20, 20)).received, 20);
});

test('a TAP that somebody deletes is there again within two seconds, and carries', async (t) => {
  const before = await tap();
  const pings = new PingWatch(ca, '10.32.0.2', 10);
  await pings.answered(5_000);
  const deletedAt = Date.now();
  a.host.netns.ip('link del ms-mesh');
  await eventually('there is another TAP', 5_000, async () =>
    (await tap()).ifindex !== before.ifindex ? true : undefined,
  );
  await pings.answered(5_000);
  const { gapMs } = await pings.stop(deletedAt - 1_000);
  t.diagnostic(`silent for ${gapMs.toFixed(0)} ms`);
  assert.ok(gapMs < 3_000, `${gapMs} ms`);
  assert.equal((await ping(ca, 'fd32::2', 10, 20)).received, 10);
});
