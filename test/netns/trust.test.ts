// Who may join: a mesh with a secret, as an operator meets it.
//
//   host a: founds ══ host b: joins by the line of `mesh secret` ══ host c: another secret ══ host d: gives way
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, type Done } from '../../cli/demo/namespace.js';
import { attached } from '../support/mesh-lab.js';
import { createLab, eventually, LAB_SECRET, ping } from '../support/netns.js';
import { allSeeAll, RouterProcess } from '../support/router-process.js';
import { framesOf, tcpOf } from '../support/pcap.js';

const lab = createLab();
delete process.env.MESH_SECRET; // nobody has one but by what this test does
const router = (name: string): RouterProcess => new RouterProcess(lab, lab.host(name));
const [a, b, c, d] = [router('a'), router('b'), router('c'), router('d')];

/** Types a line in a shell on the host of `r`, as its user would. */
const types = (r: RouterProcess, line: string, input = ''): Promise<Done> => {
  const mesh = `${process.execPath} ${join(import.meta.dirname, '../../cli/main.js')}`;
  const own = ` --name ${r.host.name} --state-dir ${r.stateDir} --socket ${r.socket} `;
  const typed = line.replace(
    /^sudo mesh (\w+)/,
    (_, command: string) => `${mesh} ${command}${command === 'launch' ? own : ''}`,
  );
  const shell = ['sh', '-c', `printf %s '${input}' | ${typed}`];
  return run(r.host.netns.inside(shell), { ...process.env, MESH_SOCKET: r.socket });
};

/** What others on the machine may read of a process, and what nobody but root may. */
const shownOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');

const pidOf = (said: string): number => Number(/process (\d+)/.exec(said)?.[1]);

test('the first launch makes a secret and prints the line for the next host, which joins by it', async () => {
  const capture = await lab.capture();
  const founded = await types(a, 'sudo mesh launch --detach');
  assert.equal(founded.code, 0, founded.stderr);
  const line = (await a.must('secret')).trim();
  assert.match(line, /^sudo mesh launch --detach --secret ([a-z]+-){11}[a-z]+ 10\.99\.0\.1$/);
  assert.ok(founded.stderr.includes(line), founded.stderr);
  const secret = (await a.must('secret', '--bare')).trim();
  assert.equal(statSync(join(a.stateDir, 'secret.json')).mode & 0o777, 0o600);
  assert.ok(!readFileSync(join(a.stateDir, 'router.log'), 'utf8').includes(secret));

  const joined = await types(b, line);
  assert.equal(joined.code, 0, joined.stderr);
  const startedAt = performance.now();
  await allSeeAll([a, b], 10_000);
  console.log(`# both see both ${Math.round(performance.now() - startedAt)} ms after the second was launched`);
  for (const said of [founded.stderr, joined.stderr]) assert.ok(!shownOf(pidOf(said)).includes(secret));
  assert.equal((await a.must('secret', '--bare')).trim(), (await b.must('secret', '--bare')).trim());
  assert.equal((await b.status()).self.trust, 'sealed');

  const [ca, cb] = [await attached(lab, a, 'ca', '10.32.0.1/12'), await attached(lab, b, 'cb', '10.32.0.2/12')];
  assert.ok(ca !== undefined && (await ping(cb, '10.32.0.1', 5)).received > 0);
  const mac = (await a.status()).endpoints[0]!.mac;
  await capture.stop();
  const sent = framesOf(capture.file).flatMap((frame) => tcpOf(frame, 6783) ?? []);
  assert.ok(sent.length > 10);
  const all = Buffer.concat(sent);
  const { id } = (await a.status()).self;
  const bytes = [mac.replaceAll(':', ''), id, '0a200001'].map((hex) => Buffer.from(hex, 'hex'));
  for (const marker of ['10.32.0.1', mac, id, secret, ...bytes]) assert.ok(!all.includes(marker), String(marker));
  assert.ok(all.includes('mesh'), 'the preamble is in clear: the search works');
});

test('another secret is refused on both sides with the reason, and not tried again and again', async () => {
  await c.launch('--secret', LAB_SECRET, a.host.v4);
  assert.ok(!shownOf(c.pid).includes(LAB_SECRET), 'the command line of a foreground launch');
  const said = await eventually('c says why', 5_000, async () => {
    const [target] = (await c.status()).targets;
    return target?.reason === '' ? undefined : target;
  });
  assert.equal(said.reason, 'its mesh has another secret, or none');
  const ofA = (await a.status()).problems.find((p) => p.what.startsWith(c.host.v4));
  assert.deepEqual(ofA && [ofA.what, ofA.reason], [`${c.host.v4}, refused once`, 'its mesh has another secret']);
  await eventually('both log it', 2_000, () =>
    Promise.resolve(
      /dial-refused/.test(c.log()) && /stranger-refused/.test(readFileSync(join(a.stateDir, 'router.log'), 'utf8'))
        ? true
        : undefined,
    ),
  );
  const refused = await c.mesh('connect', b.host.v4);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /its mesh has another secret, or none\n {2}try: mesh secret, on a host of that mesh/);
  assert.equal((await c.status()).peers.length, 0);
});

test('a secret in the environment, in a file and on standard input is as good, and stays out of /proc', async () => {
  const secret = (await a.must('secret', '--bare')).trim();
  process.env.MESH_SECRET = secret;
  await d.launch(a.host.v4);
  delete process.env.MESH_SECRET;
  assert.ok(!shownOf(d.pid).includes(secret), 'the environment that it began with');
  await allSeeAll([a, b, d], 10_000);
  await d.must('reset', '--force');
  const file = join(lab.dir, 'secret');
  writeFileSync(file, `${secret.toUpperCase()}\n`, { mode: 0o644 });
  const open = await d.mesh('launch', '--secret-file', file, '--state-dir', d.stateDir, a.host.v4);
  assert.deepEqual(
    [open.code, open.stderr],
    [1, `mesh: cannot launch "${a.host.v4}": "${file}" can be read by others (mode 0644)\n  try: chmod 600 ${file}\n`],
  );
  chmodSync(file, 0o600);
  assert.equal((await types(d, `sudo mesh launch --detach --secret-file ${file} ${a.host.v4}`)).code, 0);
  await allSeeAll([a, b, d], 10_000);
  await d.must('reset', '--force');
  assert.equal((await types(d, `sudo mesh launch --detach --secret - ${a.host.v4}`, secret)).code, 0);
  await allSeeAll([a, b, d], 10_000);
  await d.must('reset', '--force');
});

test('a router that founded a mesh and has nothing in it gives way; one that has does not', async () => {
  const secret = (await a.must('secret', '--bare')).trim();
  assert.equal((await types(d, 'sudo mesh launch --detach')).code, 0);
  const wrong = await d.mesh('connect', a.host.v4);
  assert.match(wrong.stderr, /another secret/);
  await d.must('connect', a.host.v4, '--secret', secret);
  await allSeeAll([a, b, d], 10_000);
  assert.equal((await d.must('secret', '--bare')).trim(), secret);
  const inUse = await a.mesh('connect', c.host.v4, '--secret', LAB_SECRET);
  assert.equal(inUse.code, 1);
  assert.match(inUse.stderr, /it is of another mesh, and this router is in use in its own\n/);
  assert.equal((await a.must('secret', '--bare')).trim(), secret);
  await d.must('stop');
  assert.equal((await types(d, 'sudo mesh launch --detach')).code, 0, 'what it took is on its disk');
  await allSeeAll([a, b, d], 10_000);
  await d.must('reset', '--force');
});

test('a launch that is to join says that it takes a secret, and an open one says so in every status', async () => {
  const none = await d.mesh('launch', '--state-dir', d.stateDir, a.host.v4);
  assert.equal(none.code, 1);
  assert.match(
    none.stderr,
    /it takes the secret of the mesh that "10\.99\.0\.1" is in\n {2}try: `mesh secret` on a host of that mesh/,
  );
  await d.launch('--open', a.host.v4);
  const reason = await eventually('d says why', 5_000, async () => (await d.status()).targets[0]?.reason || undefined);
  assert.match(reason, /has another secret, or none/);
  for (const view of [[], ['peers'], ['topology']])
    assert.match((await d.mesh('status', ...view)).stderr, /^mesh: this mesh is open: /);
  assert.equal((await d.status()).self.trust, 'open');
  await eventually('a says who it was', 2_000, async () =>
    (await a.status()).problems.find((p) => /^it is open: it has no secret/.test(p.reason)),
  );
  await d.must('stop');
});

test('key files that others can read, or that are another host`s, are refused', async () => {
  await c.must('stop');
  const identity = join(c.stateDir, 'identity.json');
  chmodSync(identity, 0o640);
  const exposed = await c.mesh('launch', '--state-dir', c.stateDir);
  assert.match(exposed.stderr, /identity\.json" can be read by others \(mode 0640\)\n {2}try: chmod 600/);
  chmodSync(identity, 0o600);
  writeFileSync(identity, readFileSync(join(a.stateDir, 'identity.json')));
  const swapped = await c.mesh('launch', '--state-dir', c.stateDir);
  assert.equal(swapped.code, 1);
  assert.match(swapped.stderr, /of identity\.json and secret\.json in ".*" one is another host's\n/);
});
