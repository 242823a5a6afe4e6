// Every command as a user types it, and the socket's API as a plugin speaks it.
//
//   host a: containers c1, c2 … ══ host b: container cb ══ host d: launched with --detach
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { EndpointStatus, StatusDocument } from '../../cli/api.js';
import { attached, joinedRouters, pathsUp } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Namespace } from '../support/netns.js';
import { allSeeAll, RouterProcess } from '../support/router-process.js';

const lab = createLab();
const containers = new Map<string, number>(); // what the Docker below runs: name → pid
process.env.DOCKER_HOST = `unix://${await fakeDocker()}`;
const [a, b] = (await joinedRouters(lab, ['a', 'b'])) as [RouterProcess, RouterProcess];
const cb = await attached(lab, b, 'cb', '10.32.0.2/12', 'fd32::2/64');
const d = new RouterProcess(lab, lab.host('d'));

/** GET /containers/NAME/json, as much of it as anyone asks for. */
async function fakeDocker(): Promise<string> {
  const path = join(lab.dir, 'docker.sock');
  const server = createServer((req, res) => {
    const name = /^\/containers\/([^/]+)\/json$/.exec(req.url ?? '')?.[1] ?? '';
    const known = [...containers.keys()].find((n) => n === name || idOf(n) === name);
    res.writeHead(known === undefined ? 404 : 200);
    res.end(JSON.stringify({ Id: idOf(known ?? ''), State: { Pid: containers.get(known ?? '') } }));
  });
  after(() => server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const idOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(64, '0');

/** A process that lives in the namespace, as a container's first one does. @returns its pid */
async function processIn(netns: Namespace): Promise<number> {
  const child = netns.start(['sleep', 'infinity'], 'ignore');
  after(() => child.kill('SIGKILL'));
  await eventually('the process is in its namespace', 2_000, async () =>
    (await netns.run('ip', 'netns', 'pids', netns.name)).stdout.includes(`${child.pid}`) ? true : undefined,
  );
  return child.pid!;
}

const reaches = async (from: Namespace, address: string): Promise<void> =>
  assert.equal((await ping(from, address, 5, 20)).received, 5, `${from.name} to ${address}`);

const addressesOf = (netns: Namespace, ifname: string): Promise<string> =>
  netns.must('ip', '-br', 'addr', 'show', 'dev', ifname);

test('launch --detach returns when the router serves, and says where its log is', async () => {
  const { code, stdout, stderr } = await d.mesh('launch', '--detach', '--name', 'd', '--state-dir', d.stateDir);
  assert.deepEqual([code, stdout], [0, '']);
  const log = join(d.stateDir, 'router.log');
  assert.match(stderr, new RegExp(`^mesh: the router runs as process \\d+, its log is ${log}\n$`));
  assert.match(readFileSync(log, 'utf8'), /launched +name=d/);
  const again = await d.mesh('launch', '--detach', '--name', 'd', '--state-dir', d.stateDir);
  assert.deepEqual(
    [again.code, again.stderr],
    [1, 'mesh: cannot launch: a router is running already\n  try: mesh status\n'],
  );
});

test('connect joins two meshes and says nothing', async () => {
  assert.deepEqual(await d.mesh('connect', a.host.v4), { code: 0, stdout: '', stderr: '' });
  await allSeeAll([a, b, d], 5_000);
  await pathsUp(d, 2);
});

test('attach prints the addresses and nothing else, and everybody reaches them over both families', async () => {
  const c1 = lab.container('c1');
  const options = ['--ip', '10.32.0.11/12,fd32::11/64', '--ip', '10.32.1.11/12', '--ifname', 'eth7', '--mac', '02:6d:00:00:00:11'];
  assert.deepEqual(await a.mesh('attach', c1.name, ...options), {
    code: 0,
    stdout: '10.32.0.11/12\nfd32::11/64\n10.32.1.11/12\n',
    stderr: '',
  });
  assert.match(await c1.must('ip', '-o', 'link', 'show', 'dev', 'eth7'), /02:6d:00:00:00:11/);
  for (const address of ['10.32.0.11', '10.32.1.11', 'fd32::11']) await reaches(cb, address);
}); // prettier-ignore

test('a target may be a path, a pid, or a container that Docker knows by name or id', async () => {
  const [byPath, byPid] = [lab.container('c2'), lab.container('c3')];
  const [byName, byId] = [lab.container('c4'), lab.container('c5')];
  containers.set('web', await processIn(byName)).set('db', await processIn(byId));
  const pid = await processIn(byPid);
  const targets = [byPath.path, `${pid}`, 'web', idOf('db')];
  for (const [i, target] of targets.entries()) await a.must('attach', target, '--ip', `10.32.0.${12 + i}/12`);
  for (const i of targets.keys()) await reaches(cb, `10.32.0.${12 + i}`);
  const keys = (await a.status()).endpoints.map((e) => e.target);
  assert.deepEqual(keys.slice(1), [byPath.path, `/proc/${pid}/ns/net`, `docker:${idOf('web')}`, `docker:${idOf('db')}`]);
  for (const target of [byPath.name, byPid.path, 'web', 'db'])
    assert.deepEqual(await a.mesh('detach', target), { code: 0, stdout: '', stderr: '' });
  assert.equal((await a.status()).endpoints.length, 1);
  for (const container of [byPath, byPid, byName, byId]) assert.doesNotMatch(await container.must('ip', 'link'), /mesh0/);
}); // prettier-ignore

test('a container that Docker knows and does not run is refused', async () => {
  containers.set('idle', 0);
  const { code, stderr } = await a.mesh('attach', 'idle', '--ip', '10.32.0.30/12');
  assert.deepEqual(
    [code, stderr],
    [1, 'mesh: cannot attach "idle": there is no namespace of that name in /run/netns, and the container "idle" is not running\n  try: docker start idle\n'],
  );
}); // prettier-ignore

test('detach takes away the interface that is named, and without a name all of them', async () => {
  const c6 = lab.container('c6');
  for (const [i, ifname] of ['mesh0', 'mesh1', 'mesh2'].entries())
    await a.must('attach', c6.name, '--ip', `10.32.0.${20 + i}/12`, '--ifname', ifname);
  const names = async (): Promise<string[]> =>
    (await a.status()).endpoints.filter((e) => e.target === c6.path).map((e) => e.ifname);
  await a.must('detach', c6.name, '--ifname', 'mesh1');
  assert.deepEqual(await names(), ['mesh0', 'mesh2']);
  await a.must('detach', c6.name, '--network', 'mesh');
  assert.deepEqual(await names(), []);
  await eventually('b forgets the addresses', 2_000, async () =>
    (await b.status(true)).macs?.some((m) => m.ips.includes('10.32.0.20')) === false ? true : undefined,
  );
});

test('expose gives the host an address over both families, and hide takes it away', async () => {
  assert.equal(await a.must('expose', '--ip', '10.32.0.100/12,fd32::100/64'), '10.32.0.100/12\nfd32::100/64\n');
  for (const address of ['10.32.0.2', 'fd32::2']) await reaches(a.host.netns, address);
  for (const address of ['10.32.0.100', 'fd32::100']) await reaches(cb, address);
  await reaches(lab.container('c1'), '10.32.0.100');
  assert.deepEqual(await a.mesh('hide', '--ip', '10.32.0.100/12'), { code: 0, stdout: '', stderr: '' });
  assert.deepEqual((await a.status()).exposed, [{ network: 'mesh', ips: ['fd32::100/64'] }]);
  await reaches(cb, 'fd32::100');
  await reaches(cb, '10.32.0.11'); // with its last IPv4 address a bridge loses its neighbours
  await a.must('hide');
  assert.deepEqual((await a.status()).exposed, []);
  assert.doesNotMatch(await addressesOf(a.host.netns, 'mb-mesh'), /10\.32|fd32/);
});

test('every view of the status is drawn, within the columns of the terminal', async () => {
  for (const view of [[], ['topology'], ['peers'], ['connections'], ['macs'], ['networks'], ['endpoints']]) {
    const { code, stdout, stderr } = await a.mesh('status', ...view);
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(stdout.length > 40, `${view.join('')}: ${stdout}`);
    for (const line of stdout.split('\n')) assert.ok([...line].length <= 80, `${view.join('')}: ${line}`);
  }
});

test('status --json has for each connection its peer, overlay, reason, RTT, MTU and traffic', async () => {
  const before = await bytesTo('b');
  await reaches(lab.container('c1'), '10.32.0.2');
  const document = await eventually('the counters were read', 5_000, async () => {
    const read = JSON.parse(await a.must('status', '--json')) as StatusDocument;
    return (read.connections.find((c) => c.name === 'b')?.txBytes ?? 0) > before ? read : undefined;
  });
  assert.equal(document.schema, 1);
  assert.equal('macs' in document, false);
  const connection = document.connections.find((c) => c.name === 'b')!;
  for (const field of ['peer', 'name', 'overlay', 'reason', 'remedy', 'rttMs', 'mtu', 'txBytes', 'rxBytes'])
    assert.ok(field in connection, field);
  assert.deepEqual([connection.overlay, connection.reason, connection.remedy], ['vxlan', '', '']);
  assert.ok(connection.rttMs! > 0 && connection.mtu! >= 1376 && connection.rxBytes! > 0);
  const withMacs = JSON.parse(await a.must('status', 'macs', '--json')) as StatusDocument;
  const mine = withMacs.macs?.find((m) => m.mac === '02:6d:00:00:00:11');
  assert.deepEqual([mine?.name, mine?.local, mine?.ips.includes('10.32.0.11')], ['a', true, true]);
});

const bytesTo = async (name: string): Promise<number> =>
  (await a.status()).connections.find((c) => c.name === name)?.txBytes ?? 0;

test('report is one JSON object with everything', async () => {
  const report = JSON.parse(await a.must('report')) as StatusDocument & { readonly report: Record<string, unknown> };
  assert.deepEqual(Object.keys(report.report), ['node', 'memory', 'store', 'datapath']);
  assert.ok(report.macs!.length >= 2);
});

// ---- the API ----

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** As `curl --unix-socket` asks: nothing of ours in between. */
function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: a.socket, method, path }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve({ status: res.statusCode!, body: JSON.parse(text) as Answer['body'] }));
    });
    req.on('error', reject).end(typeof body === 'string' ? body : body && JSON.stringify(body));
  });
}

test('the endpoints API is idempotent by id: create, join, leave and delete may come twice', async () => {
  const c7 = lab.container('c7');
  const spec = { ips: ['10.32.0.40/12'], mac: '02:6d:00:00:00:40' };
  const at = { netns: c7.path, ifname: 'eth0' };
  const state = (answer: Answer): unknown => (answer.body['endpoint'] as EndpointStatus).state;
  for (const isNew of [true, false]) {
    const made = await ask('PUT', '/v1/endpoints/plugin.1', spec);
    assert.deepEqual([made.status, made.body['created'], state(made)], [200, isNew, 'created']);
  }
  const other = await ask('PUT', '/v1/endpoints/plugin.1', { ...spec, ips: ['10.32.0.41/12'] });
  assert.deepEqual([other.status, other.body['error']], [409, 'an endpoint "plugin.1" exists with other addresses']);
  for (let i = 0; i < 2; i++) assert.equal(state(await ask('POST', '/v1/endpoints/plugin.1/join', at)), 'attached');
  await reaches(cb, '10.32.0.40');
  assert.equal(state(await ask('PUT', '/v1/endpoints/plugin.1', spec)), 'attached');
  await reaches(cb, '10.32.0.40');
  for (let i = 0; i < 2; i++) assert.equal(state(await ask('POST', '/v1/endpoints/plugin.1/leave')), 'created');
  assert.doesNotMatch(await c7.must('ip', 'link'), /eth0/);
  assert.equal(state(await ask('POST', '/v1/endpoints/plugin.1/join', at)), 'attached');
  for (const existed of [true, false])
    assert.deepEqual(await ask('DELETE', '/v1/endpoints/plugin.1'), { status: 200, body: { existed } });
  assert.equal((await ask('POST', '/v1/endpoints/plugin.1/join', at)).status, 404);
});

test('an endpoint that is joined without a sandbox waits in the namespace of the router, as Docker wants it', async () => {
  await ask('PUT', '/v1/endpoints/plugin.2', { ips: ['10.32.0.42/12'] });
  await ask('POST', '/v1/endpoints/plugin.2/join', { ifname: 'veth-docker' });
  assert.match(await a.host.netns.must('ip', 'link', 'show', 'veth-docker'), /veth-docker@/);
  const c8 = lab.container('c8');
  a.host.netns.ip(`link set veth-docker netns ${c8.name}`);
  c8.ip('addr add 10.32.0.42/12 dev veth-docker', 'link set veth-docker up');
  await reaches(cb, '10.32.0.42');
  await ask('DELETE', '/v1/endpoints/plugin.2');
  assert.doesNotMatch(await c8.must('ip', 'link'), /veth-docker/);
});

test('requests that are malformed are refused with a sentence, and none is a bug', async () => {
  const cases: readonly (readonly [string, string, unknown, number])[] = [
    ['GET', '/v1/nothing', undefined, 404],
    ['GET', '//', undefined, 404],
    ['DELETE', '/v1/endpoints/%E0%A4%A', undefined, 400],
    ['PUT', '/v1/endpoints/a%2Fb', { ips: ['10.32.0.50/12'] }, 400],
    ['PUT', '/v1/endpoints/x', 'not json', 400],
    ['PUT', '/v1/endpoints/x', [], 400],
    ['PUT', '/v1/endpoints/x', { ips: '10.32.0.50/12' }, 400],
    ['PUT', '/v1/endpoints/x', { ips: [7] }, 400],
    ['PUT', '/v1/endpoints/x', { ips: ['10.32.0.50/12'], mac: 7 }, 400],
    ['PUT', '/v1/endpoints/x', { ips: ['10.32.0.50/12'], mac: '01:00:00:00:00:00' }, 400],
    ['PUT', '/v1/endpoints/x', { ips: Array.from({ length: 33 }, (_, i) => `10.33.0.${i + 1}/12`) }, 400],
    ['PUT', '/v1/endpoints/x', { ips: ['10.32.0.50/12'], network: 'blue' }, 409],
    ['POST', '/v1/endpoints/x/join', {}, 404],
    ['POST', '/v1/attach', { ips: ['10.32.0.50/12'] }, 400],
    ['POST', '/v1/attach', 'x'.repeat(2 << 20), 400],
  ];
  for (const [method, path, body, status] of cases) {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(answer.body)}`);
    assert.match(`${answer.body['error'] as string}`, /\S/);
  }
  assert.doesNotMatch(a.log(), /\bbug\b/);
});

test('of two attaches of one address at the same time, one is refused', async () => {
  const [one, other] = [lab.container('r1'), lab.container('r2')];
  const answers = await Promise.all([one, other].map((c) => a.mesh('attach', c.name, '--ip', '10.32.0.60/12')));
  assert.deepEqual(answers.map(({ code }) => code).sort(), [0, 1]);
  assert.match(answers.find(({ code }) => code === 1)!.stderr, /10\.32\.0\.60 is in use by .* on this host/);
  await a.must('detach', answers[0]!.code === 0 ? one.name : other.name);
});

// ---- lives ----

test('a container that dies is withdrawn everywhere, and has its interface again when it is back under its name', async () => {
  const dying = await attached(lab, a, 'r3', '10.32.0.70/12');
  const isKnown = async (): Promise<boolean> => (await b.status(true)).macs!.some((m) => m.ips.includes('10.32.0.70'));
  await eventually('b knows it', 2_000, async () => (await isKnown()) || undefined);
  lab.removeContainer('r3');
  await eventually('b forgets it', 5_000, async () => !(await isKnown()) || undefined);
  const e = (await a.status()).endpoints.find(({ target }) => target === dying.path);
  assert.equal(e?.state, 'gone');
  assert.equal(e.reason, `there is no ${dying.path}; it is attached again when it returns within 10 minutes`);
  const back = lab.container('r3');
  await eventually('it is attached again', 5_000, async () =>
    (await a.status()).endpoints.find(({ target }) => target === back.path)?.state === 'attached' ? true : undefined,
  );
  await reaches(cb, '10.32.0.70');
  await a.must('detach', back.name);
});

test('stop leaves the kernel forwarding, and a launch brings endpoints and exposed addresses back', async () => {
  await a.must('expose', '--ip', '10.32.0.100/12');
  const [before, c1] = [await a.status(), lab.container('c1')];
  assert.deepEqual(await a.mesh('stop'), { code: 0, stdout: '', stderr: '' });
  for (const address of ['10.32.0.11', 'fd32::11', '10.32.0.100']) await reaches(cb, address);
  await reaches(c1, '10.32.0.2');
  await a.launch();
  await pathsUp(a, 2);
  const now = await a.status();
  assert.deepEqual([now.endpoints, now.exposed], [before.endpoints, before.exposed]);
  assert.equal(now.self.id, before.self.id);
  for (const address of ['10.32.0.11', 'fd32::11', '10.32.0.100']) await reaches(cb, address);
});

test('a pid that is another process after a restart is not taken for the container', async () => {
  const [c9, stranger] = [lab.container('c9'), lab.container('s9')];
  const pid = await processIn(c9);
  await a.must('attach', `${pid}`, '--ip', '10.32.0.80/12');
  await a.must('stop');
  const path = join(a.stateDir, 'endpoints.json');
  // The kernel gives pids again only after a long while; the file is made to say the pid of another process.
  writeFileSync(path, readFileSync(path, 'utf8').replace(`/proc/${pid}/`, `/proc/${await processIn(stranger)}/`));
  await a.launch();
  await eventually('the endpoint is dropped', 2_000, async () =>
    (await a.status()).endpoints.every((e) => !e.ips.includes('10.32.0.80/12')) ? true : undefined,
  );
  assert.doesNotMatch(await stranger.must('ip', 'link'), /mesh0/);
});

test('forget purges a peer that was stopped', async () => {
  await d.must('stop');
  await eventually('a knows that d was stopped', 2_000, async () =>
    (await a.status()).peers.find((p) => p.name === 'd')?.status === 'stopped' ? true : undefined,
  );
  assert.deepEqual(await a.mesh('forget', 'd'), { code: 0, stdout: '', stderr: '' });
  assert.equal(
    (await a.status()).peers.some((p) => p.name === 'd' && p.status === 'stopped'),
    false,
  );
});

test('reset is refused while no peer can be told, and with --force leaves no trace', async () => {
  const traces = async (router: RouterProcess): Promise<string> =>
    (await router.host.netns.must('ip', '-o', 'link')) + (await router.host.netns.must('nft', 'list', 'ruleset'));
  await b.kill9();
  await eventually('a is alone', 8_000, async () =>
    (await a.status()).connections.every((c) => c.control === 'down') ? true : undefined,
  );
  const target = lab.container('c1');
  await a.must('detach', target.name);
  const { code, stderr } = await a.mesh('reset');
  assert.equal(code, 1);
  assert.match(stderr, /^mesh: cannot reset: none of its \d peers can be told, and they would keep its addresses\n {2}try: mesh reset --force\n$/);
  await a.must('attach', target.name, '--ip', '10.32.0.11/12');
  assert.deepEqual(await a.mesh('reset', '--force'), { code: 0, stdout: '', stderr: '' });
  assert.match(await traces(a), /^\d+: lo:.*\n\d+: eth0@\S+:.*\n$/);
  assert.doesNotMatch(await target.must('ip', 'link'), /eth7|mesh0/);
  mkdirSync(a.stateDir); // it is gone, or this throws
}); // prettier-ignore
