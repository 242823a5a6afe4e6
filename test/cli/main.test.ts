// The program as a process: what a shell sees of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** @param readBytes close stdout after so many */
async function run(argv: readonly string[], readBytes = Infinity): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (out.length >= readBytes) child.stdout.destroy();
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

async function serving(t: TestContext, body: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'mesh-main-'));
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(join(dir, 's'), resolve));
  t.after(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });
  return join(dir, 's');
}

test('without a router: one sentence on stderr, nothing on stdout, code 3', async () => {
  const { code, out, err } = await run(['attach', 'web', '--ip', '10.32.0.1/12', '--socket', '/nonexistent/mesh.sock']);
  assert.equal(
    err,
    'mesh: cannot attach "web": the router is not running\n  try: sudo mesh launch --detach --socket /nonexistent/mesh.sock --state-dir DIR\n',
  );
  assert.deepEqual([code, out], [3, '']);
});

test('data goes to stdout, words to stderr', async (t) => {
  const socket = await serving(t, '{"endpoint":{"ips":["10.32.0.1/12"]},"warnings":["mind the gap"]}');
  const { code, out, err } = await run(['attach', 'web', '--ip', '10.32.0.1/12', '--socket', socket]);
  assert.deepEqual([code, out, err], [0, '10.32.0.1/12\n', 'mesh: warning: mind the gap\n']);
});

test('a report of megabytes comes whole through a pipe, and a reader who leaves early is no error', async (t) => {
  const socket = await serving(t, JSON.stringify({ macs: Array.from({ length: 100_000 }, (_, i) => `mac ${i}`) }));
  const whole = await run(['report', '--socket', socket]);
  assert.equal((JSON.parse(whole.out) as { macs: string[] }).macs.length, 100_000);
  const cut = await run(['report', '--socket', socket], 100);
  assert.deepEqual([whole.code, cut.code, whole.err, cut.err], [0, 0, '', '']);
});
