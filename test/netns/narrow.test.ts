// A black hole for large packets on the underlay: nothing says that they are lost, and what containers send goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, PingStream } from '../support/mesh-lab.js';
import { createLab, eventually } from '../support/netns.js';
import { connection, sleeveStands } from '../support/overlay-lab.js';

const PATH_BYTES = 700;
const WITHIN_MS = 8_000; // some 2 s where the processor is free

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const ca = await attached(lab, a!, 'ca', '10.32.0.1/12');
const cb = await attached(lab, b!, 'cb', '10.32.0.2/12');

test('large pings and TCP work soon after the underlay has ceased to take more than 700 bytes, and says so to nobody', async (t) => {
  for (const router of [a!, b!]) await sleeveStands(router);
  // Without it nft sees super-frames, and loses all of them.
  for (const { host } of [a!, b!]) host.netns.ip('link set eth0 gso_max_segs 1');
  const small = new PingStream(ca, '10.32.0.2', 20, 1_300);
  await sleep(14_000); // the pair is seen to have traffic that lasts
  const since = performance.now();
  const hole = `table inet hole { chain in { type filter hook input priority -400;
    meta l4proto udp meta length > ${PATH_BYTES} drop; icmp type destination-unreachable drop; }; }`;
  for (const { host } of [a!, b!]) await host.netns.must('nft', hole);
  await eventually('a reply to 10,000 bytes', WITHIN_MS, async () => {
    const { code } = await ca.run('ping', '-n', '-q', '-c', '1', '-W', '1', '-s', '10000', '10.32.0.2');
    return code === 0 ? true : undefined;
  });
  t.diagnostic(`10,000 bytes were answered after ${(performance.now() - since).toFixed(0)} ms`);
  const server = cb.start(['iperf3', '-s', '-1'], 'ignore');
  await sleep(300);
  const { stdout } = await ca.run('iperf3', '-c', '10.32.0.2', '-t', '2', '-J');
  server.kill();
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  t.diagnostic(`TCP at ${(end.sum_received.bits_per_second / 1e6).toFixed(0)} Mbit/s`);
  assert.ok(end.sum_received.bits_per_second > 1e6);
  await small.lostNone();
  const { overlay, reason } = await connection(a!, b!);
  assert.equal(overlay, 'sleeve');
  assert.match(reason, /^vxlan: path MTU \d+ is less than the network's 1376$/);
});
