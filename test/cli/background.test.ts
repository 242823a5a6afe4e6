import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { lastWords, launchInBackground } from '../../cli/background.js';
import { createClient } from '../../cli/client.js';
import { EXIT, Failure, type Io } from '../../cli/command.js';
import type { LaunchConfig } from '../../cli/options.js';
import { eraseRouterLog } from '../../cli/router-log.js';

interface Bench {
  readonly config: LaunchConfig;
  readonly said: string[];
  /** Runs `source` in place of the router. */
  readonly launch: (source: string) => Promise<number>;
}

function bench(t: TestContext): Bench {
  const dir = mkdtempSync(join(tmpdir(), 'mesh-background-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const config: LaunchConfig = {
    name: 'alpha',
    listen: undefined,
    advertise: [],
    port: 6783,
    stateDir: join(dir, 'state'),
    socket: join(dir, 'mesh.sock'),
    range: undefined,
    mtu: undefined,
    overlay: 'auto',
    logFormat: 'text',
    peers: ['db1'],
  };
  const said: string[] = [];
  const io: Io = {
    out: (text) => said.push(text),
    err: (text) => said.push(text),
    env: {},
    columns: 80,
    colour: false,
  };
  const launch = (source: string): Promise<number> => {
    const program = join(dir, 'router.mjs');
    writeFileSync(program, source);
    return launchInBackground(config, io, program);
  };
  return { config, said, launch };
}

/** Answers the socket until it is told to stop, as a router does. */
const SERVES = `
  import { createServer } from 'node:http';
  const socket = process.argv.find((arg) => arg.startsWith('--socket=')).slice(9);
  console.error(process.argv.slice(2).join(' '));
  const server = createServer((request, response) => {
    response.end('{}');
    if (request.url === '/v1/stop') server.close();
  }).listen(socket);
  setTimeout(() => process.exit(), 30_000).unref(); // when the test fails before it says stop`;

test('a router that serves is left running, its log in the state directory', async (t) => {
  const { config, said, launch } = bench(t);
  assert.equal(await launch(SERVES), EXIT.done);
  const log = join(config.stateDir, 'router.log');
  assert.match(said.join('\n'), new RegExp(`^mesh: the router runs as process \\d+, its log is ${log}$`));
  assert.match(readFileSync(log, 'utf8'), /^launch --name=alpha --port=6783 .*--log-format=text db1\n$/);
  const again = await launch(SERVES).catch((error: unknown) => error);
  assert.ok(again instanceof Failure);
  assert.deepEqual([again.message, again.remedy], ['a router is running already', 'mesh status']);
  await createClient(config.socket).stop();
  assert.equal(await createClient(config.socket).gone(), true);
});

test('a router that refuses gives its last words and its code, not those of an earlier one', async (t) => {
  const { config, said, launch } = bench(t);
  mkdirSync(config.stateDir);
  writeFileSync(join(config.stateDir, 'router.log'), 'mesh: cannot launch: an older trouble\n');
  const words = 'mesh: cannot launch: port 6783 is in use\n  try: mesh launch --port 7783';
  assert.equal(await launch(`console.error(${JSON.stringify(words)}); process.exit(1)`), EXIT.refused);
  assert.deepEqual(said, [words]);
});

test('a launch that is refused leaves nothing, also when the router has taken its log away', async (t) => {
  const { config, said, launch } = bench(t);
  const refuses = `console.error('mesh: no'); process.exit(1)`;
  assert.equal(await launch(refuses), EXIT.refused);
  assert.ok(!existsSync(config.stateDir));
  const log = join(config.stateDir, 'router.log');
  assert.equal(await launch(`import { rmSync } from 'node:fs'; rmSync('${log}'); ${refuses}`), EXIT.refused);
  assert.ok(!existsSync(config.stateDir));
  assert.deepEqual(said, ['mesh: no', 'mesh: no']);
  mkdirSync(config.stateDir);
  writeFileSync(join(config.stateDir, 'identity.json'), '{}');
  assert.equal(await launch(refuses), EXIT.refused);
  assert.deepEqual(readdirSync(config.stateDir), ['identity.json']);
});

test('a log of more than 4 MiB is put aside once, and a reset erases both', async (t) => {
  const { config, launch } = bench(t);
  mkdirSync(config.stateDir);
  const log = join(config.stateDir, 'router.log');
  writeFileSync(`${log}.1`, 'older');
  writeFileSync(log, 'x'.repeat((4 << 20) + 1));
  await launch(`console.error('mesh: no'); process.exit(70)`);
  assert.deepEqual([readFileSync(log, 'utf8'), statSync(`${log}.1`).size], ['mesh: no\n', (4 << 20) + 1]);
  eraseRouterLog(config.stateDir);
  assert.deepEqual(readdirSync(config.stateDir), []);
});

test('a router that ends in silence is no success', async (t) => {
  const { config, said, launch } = bench(t);
  mkdirSync(config.stateDir);
  writeFileSync(join(config.stateDir, 'router.log'), 'mesh: cannot launch: an older trouble\n');
  assert.equal(await launch(''), EXIT.refused);
  assert.deepEqual(said, ['mesh: the router ended with code 0 and said nothing']);
});

test('a state directory that cannot be written is said to be so', async (t) => {
  const { config, launch } = bench(t);
  writeFileSync(config.stateDir, 'a file, not a directory');
  const refused = await launch(SERVES).catch((error: unknown) => error);
  assert.ok(refused instanceof Failure);
  assert.match(refused.message, /^cannot write to the state directory ".*": EEXIST/);
});

test('the last complaint in a log is found with its remedy, whatever follows', () => {
  const log =
    'starting\nmesh: cannot launch: a\n  try: b\nmesh: cannot launch: port 6783 is in use\n  try: mesh status\nbye\n';
  assert.equal(lastWords(log), 'mesh: cannot launch: port 6783 is in use\n  try: mesh status');
  assert.equal(lastWords('mesh: cannot launch: a\nbye\n'), 'mesh: cannot launch: a');
});

test('a log without a complaint gives its last line, an empty one nothing', () => {
  assert.equal(lastWords('one\ntwo\n\n'), 'two');
  assert.equal(lastWords('\n'), undefined);
});
