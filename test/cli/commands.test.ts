import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { EXIT, Failure } from '../../cli/command.js';
import { document, full, idOf, peer } from './documents.js';
import { endpoint, mesh } from './fakes.js';

test('attach prints the addresses, one a line, and nothing else on stdout', async () => {
  const router = { attach: () => Promise.resolve({ endpoint: endpoint(), warnings: ['the MTU was lowered to 1280'] }) };
  const { code, out, err } = await mesh(['attach', 'web', '--ip', '10.32.0.1/12', '--ip', 'fd32::1/64'], { router });
  assert.deepEqual([code, out, err], [0, '10.32.0.1/12\nfd32::1/64\n', 'mesh: warning: the MTU was lowered to 1280\n']);
});

test('attach sends what was asked for, in canonical form', async () => {
  const line = 'attach web --ip 10.32.0.1/12,FD32:0::1/64 --network blue --ifname eth1 --mac 02:6D:00:00:00:01';
  assert.deepEqual((await mesh(line.split(' '))).calls, [
    [
      'attach',
      { target: 'web', ips: ['10.32.0.1/12', 'fd32::1/64'], network: 'blue', ifname: 'eth1', mac: '02:6d:00:00:00:01' },
    ],
  ]);
});

test('a target that is a path is made absolute; names, pids and ids stay', async () => {
  const target = async (text: string): Promise<unknown> => (await mesh(['attach', text])).calls[0]![1];
  assert.deepEqual(await target('ns/web'), { target: resolve('ns/web') });
  assert.deepEqual(await target('/run/netns/../netns/web'), { target: '/run/netns/web' });
  for (const same of ['web', '4711', 'f00dcafe']) assert.deepEqual(await target(same), { target: same });
});

test('attach by id creates, then joins', async () => {
  const { code, out, calls } = await mesh([
    'attach',
    'web',
    '--id',
    'pod-1',
    '--ip',
    '10.32.0.1/12',
    '--ifname',
    'eth1',
  ]);
  assert.deepEqual(calls, [
    ['endpointPut', 'pod-1', { ips: ['10.32.0.1/12'] }],
    ['endpointJoin', 'pod-1', 'web', 'eth1'],
  ]);
  assert.deepEqual([code, out], [0, '10.32.0.1/12\nfd32::1/64\n']);
});

test('a join that fails takes away the endpoint it made, and not one that was there', async () => {
  for (const created of [true, false]) {
    const router = {
      endpointPut: () => Promise.resolve({ endpoint: endpoint(), warnings: [], created }),
      endpointJoin: () => Promise.reject(new Failure(EXIT.refused, 'no such namespace')),
    };
    const { code, err, calls } = await mesh(['attach', 'web', '--id', 'pod-1'], { router });
    assert.deepEqual([code, err], [1, 'mesh: cannot attach "web": no such namespace\n']);
    assert.equal(
      calls.some(([name]) => name === 'endpointDelete'),
      created,
    );
  }
});

test('what the router refuses is passed on in its own words', async () => {
  const why = 'automatic addresses are not there yet';
  const router = { attach: () => Promise.reject(new Failure(EXIT.refused, why, 'mesh attach web --ip 10.32.0.1/12')) };
  const { code, out, err } = await mesh(['attach', 'web'], { router });
  assert.equal(err, `mesh: cannot attach "web": ${why}\n  try: mesh attach web --ip 10.32.0.1/12\n`);
  assert.deepEqual([code, out], [1, '']);
});

test('connect and forget name each peer that was refused', async () => {
  const results = [
    { peer: 'b' },
    { peer: 'c', refused: 'its name does not resolve' },
    { peer: 'd', refused: 'it is this host' },
  ];
  const connect = await mesh(['connect', 'b', 'c', 'd'], { router: { connect: () => Promise.resolve(results) } });
  assert.equal(
    connect.err,
    'mesh: cannot connect to "c": its name does not resolve\n  try: mesh status connections\n' +
      'mesh: cannot connect to "d": it is this host\n  try: mesh status connections\n',
  );
  assert.deepEqual([connect.code, connect.out, connect.calls], [1, '', [['connect', ['b', 'c', 'd']]]]);
  const unknown = [{ peer: 'x', refused: 'no peer has this name' }];
  const forget = await mesh(['forget', 'x'], { router: { forget: () => Promise.resolve(unknown) } });
  assert.deepEqual(
    [forget.code, forget.err],
    [1, 'mesh: cannot forget "x": no peer has this name\n  try: mesh status peers\n'],
  );
});

test('commands that succeed are silent', async () => {
  for (const line of ['connect b', 'forget b', 'detach web --ifname eth1', 'hide', 'stop', 'reset --force']) {
    const { code, out, err } = await mesh(line.split(' '));
    assert.deepEqual([line, code, out, err], [line, 0, '', '']);
  }
});

test('detach, expose and hide send what their options name', async () => {
  const calls = async (line: string): Promise<unknown> => (await mesh(line.split(' '))).calls;
  assert.deepEqual(await calls('detach web'), [['detach', { target: 'web' }]]);
  assert.deepEqual(await calls('detach ./web --network blue --ifname eth1'), [
    ['detach', { target: resolve('web'), network: 'blue', ifname: 'eth1' }],
  ]);
  assert.deepEqual(await calls('hide'), [['hide', undefined, []]]);
  assert.deepEqual(await calls('hide --network blue --ip 10.32.0.9/12'), [['hide', 'blue', ['10.32.0.9/12']]]);
  assert.equal(
    (await mesh('expose --ip 10.32.0.254/12 --ip fd32::fe/64'.split(' '))).out,
    '10.32.0.254/12\nfd32::fe/64\n',
  );
});

test('stop and reset return when nothing answers any more', async () => {
  assert.deepEqual((await mesh(['stop'])).calls, [['stop'], ['gone']]);
  assert.deepEqual((await mesh(['reset'])).calls, [['reset', false], ['gone']]);
  assert.deepEqual((await mesh(['reset', '--force'])).calls, [['reset', true], ['gone']]);
  const stuck = await mesh(['stop'], { router: { gone: () => Promise.resolve(false) } });
  assert.deepEqual(
    [stuck.code, stuck.err],
    [1, 'mesh: cannot stop: the router said yes but still answers\n  try: mesh status\n'],
  );
});

test('status --json and report print the document as it came', async () => {
  const router = { status: () => Promise.resolve(full(3)) };
  assert.deepEqual(JSON.parse((await mesh(['status', '--json'], { router })).out), full(3));
  assert.deepEqual(JSON.parse((await mesh(['report'])).out), { schema: 1, everything: true });
});

test('MACs are asked for only by the view that shows them', async () => {
  assert.deepEqual((await mesh(['status'])).calls, [['status', { macs: false }]]);
  assert.deepEqual((await mesh(['status', 'macs'])).calls, [['status', { macs: true }]]);
  assert.deepEqual((await mesh(['status', 'macs', '--json'])).calls, [['status', { macs: true }]]);
});

test('a peer is asked for by name, id, the beginning of an id, or address; one that is not there is refused', async () => {
  const router = { status: () => Promise.resolve(full(3)) };
  const asked = async (...args: readonly string[]): Promise<unknown> => {
    const { code, out, err } = await mesh(['status', 'peer', ...args], { router });
    return [code, out.split(' ')[0], err];
  };
  for (const word of ['beta', idOf(1), idOf(1).slice(0, 4), '10.99.0.2:6783'])
    assert.deepEqual(await asked(word), [0, 'beta', '']);
  const refused = (word: string, why: string): unknown => [
    1,
    '',
    `mesh: cannot show the peer "${word}": ${why}\n  try: mesh status peers\n`,
  ];
  for (const word of ['nobody', idOf(1).slice(0, 3), ''])
    assert.deepEqual(await asked(word), refused(word, 'no peer is called so'));
  assert.deepEqual(await asked('nobody', '--json'), refused('nobody', 'no peer is called so'));
  assert.deepEqual(await asked('alpha'), refused('alpha', 'it is this host'));
  const twins = { ...full(3), peers: [peer(1), peer(2, { name: 'beta' })] };
  const two = await mesh(['status', 'peer', 'beta'], { router: { status: () => Promise.resolve(twins) } });
  assert.match(two.err, /2 peers are called so; use an id/);
  assert.deepEqual(await asked(), [
    2,
    '',
    'mesh: cannot show the status: the view peer needs a PEER\n  try: mesh status peers\n',
  ]);
});

test('status has colour only where the terminal has', async () => {
  assert.doesNotMatch(
    (await mesh(['status'], { router: { status: () => Promise.resolve(document()) } })).out,
    /\u001b/,
  );
});

test('launch runs in the foreground, with --detach in the background', async () => {
  const foreground = await mesh(['launch', '--name', 'a']);
  assert.deepEqual([foreground.code, foreground.launched?.name, foreground.calls], [0, 'a', []]);
  const background = await mesh(['launch', '--detach', '--name', 'a']);
  assert.deepEqual([background.code, background.launched?.name, background.calls], [0, 'a', [['background']]]);
});

test('the exit code of the router is that of launch', async () => {
  assert.equal((await mesh(['launch'], { deps: { runRouter: () => Promise.resolve(70) } })).code, 70);
});

test('demo passes --keep on', async () => {
  assert.deepEqual((await mesh(['demo'])).calls, [['demo', { keep: false }]]);
  assert.deepEqual((await mesh(['demo', '--keep'])).calls, [['demo', { keep: true }]]);
});
