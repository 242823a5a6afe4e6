// Ways over other hosts' sleeves, with keys, labels and rules that are given.
//
//   container ── a ──── r ──── s ──── b ── container      each knows its neighbours alone; keys are a's and b's
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SleeveEvent } from '../../datapath/sleeve/sleeve.js';
import { createLab, eventually, ping, type Lab } from '../support/netns.js';
import { acquaint, endAfter, iperf, reaches, shareKeys, SleeveHost, type PairOptions } from '../support/sleeve-lab.js';

const lab = createLab();
let lines = 0;

/** The line's hosts; nothing passes but between neighbours. */
async function line(length: number, options: readonly PairOptions[] = []): Promise<readonly SleeveHost[]> {
  lines++;
  const hosts = Array.from({ length }, (_, i) => new SleeveHost(lab, `${'abcd'[i]}${lines}`, i + 1));
  endAfter(hosts);
  for (const host of hosts) await host.start();
  for (const [i, host] of hosts.slice(1).entries()) await shareKeys([hosts[i]!, host], i + 2, options[i]);
  await acquaint([hosts[0]!, hosts.at(-1)!], 1);
  await joinLine(hosts);
  cutFarOnes(lab, hosts);
  for (const host of [hosts[0]!, hosts.at(-1)!]) await host.do('carry', other(hosts, host).id, 'relay');
  return hosts;
}

function cutFarOnes(of: Lab, hosts: readonly SleeveHost[]): void {
  for (const [i, host] of hosts.entries()) for (const far of hosts.slice(i + 2)) of.cut(host.host.name, far.host.name);
}

const other = (hosts: readonly SleeveHost[], one: SleeveHost): SleeveHost =>
  one === hosts[0] ? hosts.at(-1)! : hosts[0]!;

/** Labels both ways: a relay calls the way to the last host 100 + its place, and the one to the first 200 + its place. */
async function joinLine(hosts: readonly SleeveHost[]): Promise<void> {
  const last = hosts.length - 1;
  for (let i = 1; i < last; i++) {
    const [before, relay, behind] = [hosts[i - 1]!, hosts[i]!, hosts[i + 1]!];
    const [toLast, toFirst] = [i + 1 === last ? 0 : 101 + i, i === 1 ? 0 : 199 + i];
    await relay.do('relayRule', 100 + i, { from: before.id, to: behind.id, toLabel: toLast });
    await relay.do('relayRule', 200 + i, { from: behind.id, to: before.id, toLabel: toFirst });
  }
  const [first, end] = [hosts[0]!, hosts[last]!];
  await first.do('relayWay', end.id, { via: hosts[1]!.id, label: 101 });
  await end.do('relayWay', first.id, { via: hosts[last - 1]!.id, label: 199 + last });
  for (const [here, there] of [
    [first, end],
    [end, first],
  ] as const)
    await here.do('setPathMtu', there.id, 'relay', 1_500);
}

async function allArrive(from: SleeveHost, address: string, ...more: readonly string[]): Promise<void> {
  const argv = ['ping', '-n', '-q', '-c', '20', '-i', '0.01', '-W', '2', ...more, address];
  const { code, stdout } = await from.container.run(...argv);
  assert.ok(code === 0 && / 0% packet loss/.test(stdout), stdout);
}

/** Probes, and waits for what came of it. */
async function answerTo(
  from: SleeveHost,
  to: SleeveHost,
  way: 'direct' | 'relay',
  token: number,
): Promise<SleeveEvent> {
  await from.do('probe', to.id, way, 1_400, token);
  return eventually(`probe ${token} is answered`, 5_000, () =>
    Promise.resolve(from.events.find((e) => e.kind === 'probeReply' && e.token === token)),
  );
}

const movesOf = (host: SleeveHost): readonly SleeveEvent[] => host.events.filter((e) => e.kind === 'moved');

test('a relay passes on what it cannot read, and only from whom it knows', async () => {
  const [a, r, b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  for (const address of [b.v4, b.v6]) await allArrive(a, address);
  await allArrive(b, a.v6, '-s', '10000');
  const { rate } = await iperf(a, b, b.v4, '--time', '1');
  assert.ok(rate > 1e6);
  assert.ok((await r.counters()).rx.relayed > 1_000);
  assert.deepEqual([movesOf(a), movesOf(b)], [[], []], 'the relay’s address was taken for a peer’s');
  await r.do('relayRule', 101, { from: b.id, to: b.id, toLabel: 0 });
  await eventually('a stranger is refused', 5_000, async () => {
    await a.container.run('ping', '-n', '-c', '1', '-W', '1', b.v4);
    return (await r.counters()).rx['relay-source'] > 0 ? true : undefined;
  });
});

test('over two relays, with IPv6 between them, go pings of all sizes and TCP', async () => {
  const hosts = await line(4, [{}, { underlay: 'v6' }, {}]);
  const [a, b] = [hosts[0]!, hosts[3]!];
  for (const end of [a, b]) await end.do('setPathMtu', other(hosts, end).id, 'relay', 1_480);
  for (const address of [b.v4, b.v6]) {
    await allArrive(a, address);
    await allArrive(a, address, '-s', '10000');
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    assert.ok((await iperf(from, to, to.v4, '--time', '1')).rate > 1e6);
});

test('either way is probed whichever data takes, and the answer comes back by the same', async () => {
  const [a, r, b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  await reaches(a, b.v4);
  let token = 0;
  for (const way of ['relay', 'direct'] as const) {
    for (const carrier of ['direct', 'relay'] as const) {
      for (const end of [a, b]) await end.do('carry', end === a ? b.id : a.id, carrier);
      await answerTo(a, b, way, ++token);
      await answerTo(b, a, way, ++token);
    }
    lab.heal(a.host.name, b.host.name);
    lab.cut(a.host.name, r.host.name);
  }
  assert.deepEqual([movesOf(a), movesOf(b)], [[], []]);
});

test('from a relay to the direct way and back goes without a loss', async () => {
  const [a, , b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  await reaches(a, b.v4);
  lab.heal(a.host.name, b.host.name);
  const pings = ping(a.container, b.v4, 300, 5);
  for (let i = 0; i < 12; i++) {
    const way = i % 2 === 0 ? 'direct' : 'relay';
    await a.do('carry', b.id, way);
    await b.do('carry', a.id, way);
    await allArrive(b, a.v4, '-c', '5');
  }
  const { sent, received } = await pings;
  assert.equal(received, sent);
});

test('a neighbour that moves is followed, and the rules with it', async () => {
  const [a, r, b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  await reaches(a, b.v4);
  const { v4, netns } = b.host;
  netns.ip(`addr del ${v4}/24 dev eth0`, `addr add 10.99.0.200/24 dev eth0`);
  await answerTo(b, r, 'direct', 7); // by which r hears where b is now
  await allArrive(a, b.v4);
  assert.equal(movesOf(r).length, 1);
});

test('a relay’s worker that breaks is made again with the rules that there were', async () => {
  const [a, r, b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  await reaches(a, b.v4);
  for (const [host, worker] of [
    [r, 'rx'],
    [a, 'tx'],
    [b, 'rx'],
  ] as const) {
    await host.do('breakWorker', worker);
    await eventually(`${worker} is there again`, 5_000, () =>
      Promise.resolve(host.events.find((e) => e.kind === 'workerRestarted' && e.worker === worker)),
    );
    await allArrive(a, b.v4);
  }
});

test('a rule waits for its neighbour’s session, and drops what comes before', async () => {
  const [a, r, b] = (await line(3)) as [SleeveHost, SleeveHost, SleeveHost];
  await r.do('dropSession', b.id);
  await eventually('it is dropped', 5_000, async () => {
    await a.container.run('ping', '-n', '-c', '1', '-W', '1', b.v4);
    return (await r.counters()).rx['relay-target'] > 0 ? true : undefined;
  });
  await shareKeys([r, b], 5);
  await reaches(a, b.v4);
});

test('labels that lead in a circle are left behind after seven relays', async () => {
  const [a, r, s, b] = (await line(4)) as [SleeveHost, SleeveHost, SleeveHost, SleeveHost];
  await a.do('carry', b.id, 'direct'); // or what the containers say by themselves is counted as well
  await b.do('carry', a.id, 'direct');
  await s.do('relayRule', 102, { from: r.id, to: r.id, toLabel: 111 });
  await r.do('relayRule', 111, { from: s.id, to: s.id, toLabel: 102 });
  const passed = async (): Promise<number> => (await r.counters()).rx.relayed + (await s.counters()).rx.relayed;
  const [before, had] = [await passed(), (await s.counters()).rx.hops];
  await a.do('probe', b.id, 'relay', 1_400, 9);
  const dropped = async (): Promise<number> => (await r.counters()).rx.hops + (await s.counters()).rx.hops - had;
  await eventually('it is dropped', 5_000, async () => ((await dropped()) === 1 ? true : undefined));
  assert.equal((await passed()) - before, 7);
});
