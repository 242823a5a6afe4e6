import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { joinLine } from '../../cli/secret-option.js';
import { mesh, type Run, type World } from './fakes.js';

const WORDS = 'legal-winner-thank-year-wave-sausage-worth-useful-legal-winner-thank-yellow';
const PASSWORD = 'Tr0ub4dor&3xyz';
const launch = (args: readonly string[], world: World = {}): Promise<Run> => mesh(['launch', ...args], world);
const textOf = ({ launched }: Run): unknown =>
  typeof launched?.secret === 'object' ? launched.secret.text : launched?.secret;

test('a secret is taken from a flag, the environment or standard input, and a flag goes before the environment', async () => {
  assert.equal(textOf(await launch(['--secret', WORDS.toUpperCase()])), WORDS);
  assert.equal(textOf(await launch([], { env: { MESH_SECRET: WORDS } })), WORDS);
  assert.equal(textOf(await launch(['--secret', PASSWORD], { env: { MESH_SECRET: WORDS } })), PASSWORD);
  for (const flag of ['--secret', '--secret-file'])
    assert.equal(textOf(await launch([flag, '-'], { deps: { readInput: () => `${WORDS}\n` } })), WORDS);
  assert.equal(textOf(await launch(['--open'], { env: { MESH_SECRET: WORDS } })), 'open');
  assert.equal(textOf(await launch([])), undefined);
});

test('a secret that will not do is a sentence about where it came from', async () => {
  const said = async (args: readonly string[], world: World = {}): Promise<string> => (await launch(args, world)).err;
  const tell = '  try: mesh secret, on a host of the mesh\n';
  assert.equal(await said(['--secret', '']), `mesh: cannot launch: --secret will not do: it is empty\n${tell}`);
  assert.equal(
    await said([], { env: { MESH_SECRET: `${WORDS}-zoo` } }),
    `mesh: cannot launch: MESH_SECRET will not do: it has 13 words, a secret has 12\n${tell}`,
  );
  assert.match(await said(['--secret', '-']), /the secret on standard input will not do: it is empty/);
  assert.match(await said(['--secret', WORDS, '--open']), /--secret, --secret-file and --open exclude one another/);
  assert.match(await said(['--secret-file', '/nowhere']), /cannot read "\/nowhere": ENOENT/);
});

test('a file that others can read is refused with its mode', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mesh-secret-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'secret');
  writeFileSync(file, WORDS, { mode: 0o600 });
  assert.equal(textOf(await launch(['--secret-file', file])), WORDS);
  chmodSync(file, 0o604);
  const { code, err } = await launch(['--secret-file', file]);
  assert.equal(code, 1);
  assert.equal(err, `mesh: cannot launch: "${file}" can be read by others (mode 0604)\n  try: chmod 600 ${file}\n`);
});

test('what can be seen of a secret is taken out of the process list, and where that fails it is said', async () => {
  const concealed: string[] = [];
  const conceal = (secret: string): boolean => (concealed.push(secret), false);
  const env = { MESH_SECRET: PASSWORD };
  const { err } = await launch(['--secret', WORDS], { env, deps: { conceal } });
  assert.deepEqual(concealed, [WORDS, PASSWORD]);
  assert.match(
    err,
    /^mesh: warning: the secret shows in the process list here; give it on standard input: --secret -\n/,
  );
});

test('mesh secret prints one line that a shell takes as it is', async () => {
  assert.equal((await mesh(['secret'])).out, 'sudo mesh launch --detach --secret able-zoo-7 10.0.0.1\n');
  assert.equal((await mesh(['secret', '--bare'])).out, 'able-zoo-7\n');
  assert.equal(joinLine("it's & more", 'h:7000'), `sudo mesh launch --detach --secret 'it'\\''s & more' h:7000`);
  const open = () => Promise.resolve({ secret: null, founded: false, peer: '10.0.0.1', rotation: null });
  const { out, err } = await mesh(['secret'], { router: { secret: open } });
  assert.equal(out, 'sudo mesh launch --detach --open 10.0.0.1\n');
  assert.match(err, /^mesh: this mesh is open: it has no secret/);
});

test('connect hands the secret over, and none when there is none', async () => {
  assert.deepEqual((await mesh(['connect', 'b', '--secret', WORDS])).calls, [['connect', ['b'], WORDS]]);
  assert.deepEqual((await mesh(['connect', 'b'])).calls, [['connect', ['b']]]);
});
