import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createRaw, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createClient } from '../../cli/client.js';
import { EXIT, Failure } from '../../cli/command.js';

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'mesh-client-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return join(dir, 'mesh.sock');
}

async function listening(t: TestContext, server: Server): Promise<string> {
  const socket = scratch(t);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
  return socket;
}

const serve = (t: TestContext, listener: RequestListener): Promise<string> => listening(t, createServer(listener));

const answering = (t: TestContext, status: number, body: string): Promise<string> =>
  serve(t, (_request, response) => response.writeHead(status).end(body));

const failureOf = async (promise: Promise<unknown>): Promise<Failure> => {
  const error: unknown = await promise.then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, String(error));
  return error;
};

test('each method is one request with the path and body that the contract names', async (t) => {
  const seen: unknown[] = [];
  const socket = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const body = Buffer.concat(chunks).toString();
        seen.push([`${request.method} ${request.url}`, body === '' ? undefined : JSON.parse(body)]);
        response.end('{"results":[],"ips":[],"detached":[],"endpoint":{},"warnings":[]}');
      });
  });
  const client = createClient(socket);
  await client.status();
  await client.status({ macs: true });
  await client.report();
  await client.connect(['b', 'c']);
  await client.forget(['b']);
  await client.evict(['c']);
  await client.evict(['c'], { rotate: true, secret: 'S' });
  await client.rotate(undefined);
  await client.attach({ target: 'web', ips: ['10.32.0.1/12'] });
  await client.endpointPut('pod.1', { network: 'blue' });
  await client.endpointJoin('pod.1', '/run/netns/web', 'eth1');
  await client.endpointDelete('pod.1');
  await client.detach({ target: 'web', ifname: 'eth1' });
  await client.expose(undefined, ['10.32.0.254/12']);
  await client.hide('blue', []);
  await client.stop();
  await client.reset(true);
  assert.deepEqual(seen, [
    ['GET /v1/status', undefined],
    ['GET /v1/status?macs=1', undefined],
    ['GET /v1/report', undefined],
    ['POST /v1/connect', { peers: ['b', 'c'] }],
    ['POST /v1/forget', { peers: ['b'] }],
    ['POST /v1/evict', { peers: ['c'] }],
    ['POST /v1/evict', { peers: ['c'], rotate: true, secret: 'S' }],
    ['POST /v1/secret/rotate', {}],
    ['POST /v1/attach', { target: 'web', ips: ['10.32.0.1/12'] }],
    ['PUT /v1/endpoints/pod.1', { network: 'blue' }],
    ['POST /v1/endpoints/pod.1/join', { target: '/run/netns/web', ifname: 'eth1' }],
    ['DELETE /v1/endpoints/pod.1', undefined],
    ['POST /v1/detach', { target: 'web', ifname: 'eth1' }],
    ['POST /v1/expose', { ips: ['10.32.0.254/12'] }],
    ['POST /v1/hide', { network: 'blue' }],
    ['POST /v1/stop', {}],
    ['POST /v1/reset', { force: true }],
  ]);
});

test('no socket, or one that a dead router left: not running, and how to start it there', async (t) => {
  const socket = scratch(t);
  const missing = await failureOf(createClient(socket).status());
  assert.deepEqual(
    [missing.exit, missing.message, missing.remedy],
    [EXIT.notRunning, 'the router is not running', `sudo mesh launch --detach --socket ${socket} --state-dir DIR`],
  );
  writeFileSync(socket, '');
  assert.equal((await failureOf(createClient(socket).status())).exit, EXIT.notRunning);
});

test('a refusal keeps its sentence and its remedy', async (t) => {
  const socket = await answering(t, 409, '{"error":"web is attached already","try":"mesh detach web"}');
  const { exit, message, remedy } = await failureOf(createClient(socket).attach({ target: 'web' }));
  assert.deepEqual([exit, message, remedy], [EXIT.refused, 'web is attached already', 'mesh detach web']);
});

test('400 is a wrong command line, 500 a bug, 404 another version', async (t) => {
  const exits: readonly (readonly [number, string, number, string])[] = [
    [400, '{"error":"no such network"}', EXIT.usage, 'no such network'],
    [500, '{"error":"out of cheese"}', EXIT.bug, 'the router failed: out of cheese'],
    [404, '{}', EXIT.refused, 'the router does not know /v1/report, its version is another'],
    [404, '{"error":"no endpoint web"}', EXIT.refused, 'no endpoint web'],
    [409, '{}', EXIT.refused, 'the router answered 409 without a reason'],
  ];
  for (const [status, body, exit, message] of exits) {
    const failure = await failureOf(createClient(await answering(t, status, body)).report());
    assert.deepEqual([failure.exit, failure.message], [exit, message]);
  }
});

test('what is no router is said to be none', async (t) => {
  const sayings = ['SSH-2.0-OpenSSH_9.2\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'];
  for (const saying of sayings) {
    const socket = await listening(
      t,
      createRaw((connection) => connection.on('error', () => undefined).end(saying)),
    );
    const { exit, message } = await failureOf(createClient(socket).status());
    assert.deepEqual([exit, message], [EXIT.refused, `what answers at "${socket}" is not a mesh router`]);
  }
});

test('a router that dies before its answer is complete is not taken for a success', async (t) => {
  const endings = ['', 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"schema":'];
  for (const ending of endings) {
    const socket = await listening(
      t,
      createRaw(
        (connection) => void connection.on('error', () => undefined).once('data', () => connection.end(ending)),
      ),
    );
    const { exit, message } = await failureOf(createClient(socket).status());
    assert.deepEqual([exit, message], [EXIT.refused, 'the router ended before it answered']);
  }
});

test('a router that never answers is given up at the deadline', async (t) => {
  const socket = await serve(t, () => undefined);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const waiting = failureOf(createClient(socket).status());
  t.mock.timers.tick(5_000);
  const { exit, message } = await waiting;
  assert.deepEqual([exit, message], [EXIT.refused, 'the router did not answer within 5 s']);
});

test('gone is true once nobody listens', async (t) => {
  assert.equal(await createClient(scratch(t)).gone(), true);
});
