import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLab, ping } from '../support/netns.js';

const lab = createLab({ mtu: 1400 });
const [a, b, c] = [lab.host('a'), lab.host('b'), lab.host('c')];

test('hosts reach each other over both families, and no larger than the MTU', async () => {
  for (const address of [b.v4, b.v6, c.v4]) assert.equal((await ping(a.netns, address, 1)).received, 1, address);
  const fits = (bytes: number) => a.netns.run('ping', '-c1', '-W1', '-Mdo', `-s${bytes - 28}`, b.v4);
  assert.equal((await fits(1400)).code, 0);
  assert.notEqual((await fits(1401)).code, 0);
});

test('a cut ends one pair and healing mends it', async () => {
  lab.cut('a', 'b');
  assert.equal((await ping(a.netns, b.v4, 1)).received, 0);
  assert.equal((await ping(a.netns, c.v4, 1)).received, 1);
  lab.heal('a', 'b');
  assert.equal((await ping(a.netns, b.v4, 1)).received, 1);
});

test('a cut may be one way, and a partition leaves each side whole', async () => {
  lab.cutOneWay('b', 'a');
  const capture = await lab.capture();
  assert.equal((await ping(a.netns, b.v4, 2)).received, 0);
  // The switch is heard before it drops: requests reach b, and b's answers reach the switch.
  assert.equal((await capture.lines('icmp[icmptype] = icmp-echo')).length, 2);
  lab.healAll();
  lab.partition(['a', 'b'], ['c']);
  assert.equal((await ping(a.netns, b.v4, 1)).received, 1);
  assert.equal((await ping(b.netns, c.v6, 1)).received, 0);
  lab.healAll();
});

test('loss on the way to a host is about what was asked for', async () => {
  lab.lose('b', 30);
  const { received } = await ping(a.netns, b.v4, 200, 2);
  assert.ok(received > 100 && received < 180, `${received} of 200`);
  lab.lose('b', 0);
  assert.equal((await ping(a.netns, b.v4, 20, 2)).received, 20);
});
