import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portName } from '../../datapath/names.js';
import type { Cidr } from '../../router/types.js';
import { QUIET_MS } from '../../datapath/demand.js';
import { DatapathLab, id, mac, macOf, member, NET, neigh, network, peerV4, peerV6 } from '../support/datapath-lab.js';
import { peerOf } from '../support/peers.js';

const REMOTE = [network(), peerV4(1), member(1), mac(1, 1), neigh(1, 1)];
const REMOTE_ROWS = [
  '02:00:00:00:00:01 dev mv-web dst 192.168.0.1 self',
  '02:00:00:00:00:01 dev mv-web master',
  '10.32.0.1 lladdr 02:00:00:00:00:01 dev mb-web',
  'flood dev mv-web dst 192.168.0.1',
];

test('a remote MAC has its vxlan entry, its bridge entry and its neighbour, and its peer hears broadcast', async () => {
  const lab = await DatapathLab.started(REMOTE);
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
  const uplink = lab.kernel.link('mv-web')!;
  assert.deepEqual(uplink.port, {
    isolated: true,
    learning: false,
    flood: false,
    mcastFlood: true,
    bcastFlood: true,
    neighSuppress: true,
  });
  assert.ok(uplink.up && lab.kernel.link('mb-web')!.up);
});

test('a peer with only an IPv6 endpoint is reached over a second vxlan', async () => {
  const lab = await DatapathLab.started([network(), peerV4(1), peerV6(2), member(2), mac(2, 2)]);
  assert.deepEqual(lab.rows(), [
    '02:00:00:00:00:02 dev mw-web dst fd00::2 self',
    '02:00:00:00:00:02 dev mw-web master',
    'flood dev mw-web dst fd00::2',
  ]);
});

test('a peer that goes from IPv6 to IPv4 leaves nothing on the vxlan it left', async () => {
  const lab = await DatapathLab.started([network(), peerV6(1), member(1), mac(1, 1)]);
  lab.datapath.apply([peerV4(1, 7000)]);
  await lab.datapath.flushed();
  assert.deepEqual(lab.rows(), [
    '02:00:00:00:00:01 dev mv-web dst 192.168.0.1 port 7000 self',
    '02:00:00:00:00:01 dev mv-web master',
    'flood dev mv-web dst 192.168.0.1 port 7000',
  ]);
});

test('an endpoint has its veth in the sandbox, its addresses, and a static entry on its port', async () => {
  const lab = await DatapathLab.started([network()]);
  const web = lab.kernel.namespaces.add('/run/netns/web');
  await lab.attach('c1', 9, '/run/netns/web', ['10.32.0.9/12' as Cidr]);
  const far = web.link('eth0')!;
  assert.equal(far.mac, macOf(9));
  assert.equal(far.mtu, 1376);
  assert.ok(far.up);
  assert.deepEqual(
    (await web.addrs(far.index)).map((a) => a.cidr),
    ['10.32.0.9/12'],
  );
  const port = portName(id('c1'));
  assert.deepEqual(lab.rows(), [`${macOf(9)} dev ${port} master`]);
  assert.equal(lab.kernel.link(port)!.port!.learning, false);
  assert.equal(lab.kernel.namespaces.openFds, 0);
  await lab.datapath.endpointDelete(id('c1'));
  assert.equal(lab.kernel.link(port), undefined);
  assert.equal(web.link('eth0'), undefined);
  assert.deepEqual(lab.reports, []);
});

test('the death of a namespace is reported once, and its rows go', async () => {
  const lab = await DatapathLab.started([network()]);
  lab.kernel.namespaces.add('/run/netns/web');
  await lab.attach('c1', 9, '/run/netns/web');
  lab.kernel.namespaces.destroy('/run/netns/web');
  await lab.quiet();
  assert.deepEqual(lab.reports, [{ kind: 'endpointGone', id: 'c1' }]);
  assert.deepEqual(lab.rows(), []);
});

test('a restarted router adopts what is there and changes nothing', async () => {
  const before = await DatapathLab.started(REMOTE);
  before.kernel.namespaces.add('/run/netns/web');
  await before.attach('c1', 9, '/run/netns/web', ['10.32.0.9/12' as Cidr]);
  const [links, rows] = [before.kernel.linkTable(), before.rows()];
  await before.datapath.stop();
  const calls = { ...before.kernel.calls };

  const after = new DatapathLab(before.kernel);
  await after.datapath.start();
  after.datapath.apply([network()]);
  await after.datapath.flushed();
  await after.attach('c1', 9, '/run/netns/web', ['10.32.0.9/12' as Cidr]);
  await after.quiet();
  assert.deepEqual(after.rows(), rows, 'before the table is complete nothing goes');
  after.datapath.apply(REMOTE);
  after.datapath.settled();
  await after.quiet();
  assert.deepEqual(after.kernel.linkTable(), links);
  assert.deepEqual(after.rows(), rows);
  assert.equal(after.kernel.calls['linkSet'], calls['linkSet']);
  assert.equal(after.kernel.calls['linkAdd'], calls['linkAdd']! + 2, 'the preflight and nothing else');
});

test('what nobody wants goes when the table is complete', async () => {
  const before = await DatapathLab.started(REMOTE);
  before.kernel.namespaces.add('/run/netns/web');
  await before.attach('c1', 9, '/run/netns/web');
  await before.datapath.stop();
  const after = await DatapathLab.started([network()], before.kernel);
  assert.deepEqual(after.rows(), []);
  assert.equal(after.kernel.link(portName(id('c1'))), undefined);
});

test('a change of MAC is announced to local containers, a new address is not', async () => {
  const lab = await DatapathLab.started(REMOTE);
  assert.deepEqual(lab.paths.announced, []);
  lab.datapath.apply([mac(2, 1), neigh(1, 2)]);
  await lab.datapath.flushed();
  assert.deepEqual(lab.paths.announced, [{ ip: '10.32.0.1', mac: macOf(2) }]);
  lab.datapath.apply([neigh(1, undefined)]);
  await lab.datapath.flushed();
  lab.datapath.apply([neigh(1, 3)]);
  await lab.datapath.flushed();
  assert.deepEqual(lab.paths.announced[1], { ip: '10.32.0.1', mac: macOf(3) });
});

test('an exposed host has no neighbour for its own address, and hiding it keeps the others', async () => {
  const lab = await DatapathLab.started([...REMOTE, neigh(7, 7)]);
  const bridge = await lab.datapath.expose(NET, ['10.32.0.7/12' as Cidr]);
  assert.equal(bridge, lab.kernel.link('mb-web')!.mac);
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
  lab.datapath.apply([neigh(7, undefined)]);
  await lab.datapath.hide(NET, ['10.32.0.7/12' as Cidr]);
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
});

test('a bridge made anew gets its exposed addresses again', async () => {
  const lab = await DatapathLab.started(REMOTE);
  await lab.datapath.expose(NET, ['10.32.0.7/12' as Cidr]);
  lab.kernel.pokeLinkDel('mb-web');
  await lab.quiet();
  const addrs = await lab.kernel.addrs(lab.kernel.link('mb-web')!.index);
  assert.deepEqual(
    addrs.map((a) => a.cidr),
    ['10.32.0.7/12'],
  );
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
});

test('MACs behind a port added by hand are reported, and when they age', async () => {
  const lab = await DatapathLab.started(REMOTE);
  await lab.kernel.linkAdd({ kind: 'veth', name: 'vm0', mtu: 1376, peer: { name: 'vm1', mac: macOf(50), mtu: 1376 } });
  lab.kernel.pokeMaster('vm0', 'mb-web');
  lab.kernel.pokeFrame('vm0', macOf(50));
  await lab.quiet();
  lab.kernel.pokeFrame('vm0', macOf(51));
  lab.kernel.pokeAged(macOf(50));
  await lab.quiet();
  const present = (n: number, value: boolean) => ({ kind: 'portMac', network: NET, mac: macOf(n), present: value });
  assert.deepEqual(lab.reports, [present(50, true), present(51, true), present(50, false)]);
  lab.kernel.pokeMaster('vm0', undefined);
  await lab.quiet();
  assert.deepEqual(lab.reports.slice(3), [present(51, false)]);
});

test('an interface name that is taken in the sandbox is refused in words, and nothing is left', async () => {
  const lab = await DatapathLab.started([network()]);
  const web = lab.kernel.namespaces.add('/run/netns/web');
  await lab.attach('c1', 9, '/run/netns/web');
  await assert.rejects(lab.attach('c2', 10, '/run/netns/web'), /EEXIST: there is an interface "eth0"/);
  assert.equal(web.linkTable().length, 2);
  assert.deepEqual(lab.rows(), [`${macOf(9)} dev ${portName(id('c1'))} master`]);
  await assert.rejects(lab.attach('c3', 11, '/run/netns/gone'), /ENOENT/);
  assert.equal(lab.kernel.namespaces.openFds, 0);
});

test('reset leaves no link of ours', async () => {
  const lab = await DatapathLab.started(REMOTE);
  lab.kernel.namespaces.add('/run/netns/web');
  await lab.attach('c1', 9, '/run/netns/web');
  await lab.datapath.reset();
  assert.deepEqual(
    lab.kernel.linkTable().map((link) => link.name),
    ['lo'],
  );
});

test("another program's link in our place is said in words and left alone", async () => {
  const lab = new DatapathLab();
  await lab.kernel.linkAdd({ kind: 'bridge', name: 'mb-web', mac: macOf(99), mtu: 1500 });
  await lab.datapath.start();
  lab.datapath.apply(REMOTE);
  await lab.datapath.flushed();
  const bridge = lab.datapath.snapshot().capabilities.find(({ name }) => name === 'bridge')!;
  assert.match(bridge.reason, /EEXIST: another program has a link of this name/);
  assert.equal(lab.kernel.link('mb-web')!.mac, macOf(99));
  assert.equal(lab.kernel.link('mv-web')!.master, undefined);
  assert.deepEqual(lab.rows(), ['flood dev mv-web dst 192.168.0.1']);
  lab.kernel.pokeLinkDel('mb-web');
  await lab.clock.run(15_000);
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
  assert.ok(lab.datapath.snapshot().capabilities.every(({ ok }) => ok));
});

test('an endpoint whose port the bridge will not take is refused in words, and nothing is left', async () => {
  const lab = new DatapathLab();
  await lab.kernel.linkAdd({ kind: 'bridge', name: 'mb-web', mac: macOf(99), mtu: 1500 });
  await lab.datapath.start();
  lab.datapath.apply([network()]);
  const web = lab.kernel.namespaces.add('/run/netns/web');
  await assert.rejects(lab.attach('c1', 9, '/run/netns/web'), {
    name: 'KernelError',
    message: 'ip link add mb-web: EEXIST: another program has a link of this name',
  });
  assert.equal(web.link('eth0'), undefined);
  assert.equal(lab.kernel.link(portName(id('c1'))), undefined);
  lab.kernel.pokeLinkDel('mb-web');
  await lab.clock.run(15_000);
  await lab.attach('c1', 9, '/run/netns/web');
  assert.equal(lab.kernel.link(portName(id('c1')))!.master, lab.kernel.link('mb-web')!.index);
});

test("the containers' ends follow when the network's MTU changes, and a dead sandbox is no matter", async () => {
  const lab = await DatapathLab.started([network()]);
  const namespaces = ['a', 'b', 'c'].map((name) => lab.kernel.namespaces.add(`/run/netns/${name}`));
  for (const n of [0, 1, 2]) await lab.attach(`c${n}`, n, `/run/netns/${'abc'[n]!}`);
  lab.kernel.namespaces.destroy('/run/netns/a');
  await lab.datapath.endpointLeave(id('c1'));
  lab.datapath.apply([network(NET, 100, 1200), network(NET, 100, 1200)]);
  await lab.quiet();
  assert.deepEqual(
    namespaces.map((ns) => ns.link('eth0')?.mtu),
    [undefined, undefined, 1200],
  );
  assert.equal(lab.kernel.link(portName(id('c2')))!.mtu, 1200);
  assert.equal(lab.kernel.namespaces.openFds, 0);
});

test('a datapath that stops lets its pass end first, and asks a closed kernel for nothing', async () => {
  const lab = new DatapathLab();
  let isClosed = false;
  lab.kernel.close = () => void (isClosed = true);
  const links = lab.kernel.links.bind(lab.kernel);
  lab.kernel.links = async () => {
    await new Promise(setImmediate);
    assert.ok(!isClosed, 'the kernel was closed meanwhile');
    return links();
  };
  await lab.datapath.start();
  lab.datapath.apply(REMOTE);
  await new Promise(setImmediate);
  await lab.datapath.stop();
  assert.ok(isClosed);
  await lab.datapath.flushed();
  assert.deepEqual(lab.logged, []);
});

test('traffic wants its peer, five minutes without do no longer, and an idle peer keeps its rows', async () => {
  const lab = await DatapathLab.started(REMOTE);
  const peer = peerOf(1);
  lab.datapath.idle(peer, true);
  assert.deepEqual([...lab.paths.resting], [peer]);
  assert.deepEqual(lab.rows(), REMOTE_ROWS);
  lab.paths.traffic([peer]);
  lab.paths.traffic([peer]);
  await lab.clock.run(QUIET_MS);
  lab.paths.traffic([]);
  const wanted = lab.reports.flatMap((r) => (r.kind === 'peerWanted' ? [[r.peer, r.wanted]] : []));
  assert.deepEqual(wanted, [
    [peer, true],
    [peer, false],
  ]);
});
