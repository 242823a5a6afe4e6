import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimControl, Refused, type Control, type Routes } from '../../../cli/daemon/control.js';
import { inTemporaryDir } from '../../support/temporary-dir.js';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function ask(path: string, method: string, url: string, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: path, method, path: url, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve({ status: res.statusCode!, body: JSON.parse(text) }));
    });
    req.on('error', reject).end(body);
  });
}

const ROUTES: Routes = {
  'GET /v1/status': () => ({ status: true }),
  'POST /v1/echo': (body) => body,
  'PUT /v1/things/*': (_body, id, query) => ({ id, why: query.get('why') }),
  'POST /v1/things/*/join': (_body, id) => ({ joined: id }),
  'POST /v1/refuse': () => {
    throw new Refused('no', 'mesh status');
  },
  'POST /v1/bug': () => {
    throw new TypeError('oops');
  },
};

const noBug = (e: unknown): void => assert.fail(String(e));

async function serving(use: (path: string, control: Control, bugs: unknown[]) => Promise<void>): Promise<void> {
  await inTemporaryDir(async (dir) => {
    const [path, bugs]: [string, unknown[]] = [join(dir, 'new', 'sock'), []];
    const control = await claimControl(path, undefined, (e) => bugs.push(e));
    try {
      await use(path, control, bugs);
    } finally {
      control.close();
    }
  });
}

test('a route is found by method and path, and what its star stands for is decoded', () =>
  serving(async (path, control) => {
    control.serve(ROUTES);
    assert.deepEqual(await ask(path, 'GET', '/v1/status'), { status: 200, body: { status: true } });
    assert.deepEqual(await ask(path, 'PUT', '/v1/things/a%20b?why=c'), { status: 200, body: { id: 'a b', why: 'c' } });
    assert.deepEqual(await ask(path, 'POST', '/v1/things/a/join'), { status: 200, body: { joined: 'a' } });
    assert.deepEqual(await ask(path, 'POST', '/v1/echo', '{"a":1}'), { status: 200, body: { a: 1 } });
  }));

test('what does not fit is refused in words, and is no bug', () =>
  serving(async (path, control, bugs) => {
    control.serve(ROUTES);
    const said = async (method: string, url: string, body?: string): Promise<unknown[]> => {
      const answer = await ask(path, method, url, body);
      return [answer.status, (answer.body as { error: string }).error];
    };
    assert.deepEqual(await said('GET', '/v1/nothing'), [404, 'there is no GET /v1/nothing']);
    assert.deepEqual(await said('POST', '/v1/status'), [404, 'there is no POST /v1/status']);
    assert.deepEqual(await said('GET', '//'), [404, 'there is no GET //']);
    assert.deepEqual(await said('PUT', '/v1/things/%E0'), [400, '"%E0" is not a URL\'s part']);
    assert.deepEqual(await said('POST', '/v1/echo', '[]'), [400, 'the request is not a JSON object']);
    assert.deepEqual(await said('POST', '/v1/echo', '{'), [400, 'the request is not a JSON object']);
    assert.deepEqual(await said('POST', '/v1/echo', 'x'.repeat(1 << 21)), [400, 'the request is larger than 1 MiB']);
    assert.deepEqual(await ask(path, 'POST', '/v1/refuse'), { status: 409, body: { error: 'no', try: 'mesh status' } });
    assert.deepEqual(bugs, []);
  }));

test('a bug is answered with its message and reported', () =>
  serving(async (path, control, bugs) => {
    control.serve(ROUTES);
    assert.deepEqual(await ask(path, 'POST', '/v1/bug'), { status: 500, body: { error: 'a bug in mesh: oops' } });
    assert.equal(bugs.length, 1);
  }));

test('who leaves in the middle of a request is no bug', () =>
  serving(async (path, control, bugs) => {
    control.serve(ROUTES);
    const socket = connect(path);
    await new Promise((resolve) => socket.write('POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{', resolve));
    socket.destroy();
    await ask(path, 'GET', '/v1/status');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(bugs, []);
  })); // prettier-ignore

test('who asks before there is an answer waits for it', () =>
  serving(async (path, control) => {
    const early = ask(path, 'GET', '/v1/status');
    await new Promise((resolve) => setImmediate(resolve));
    control.serve(ROUTES);
    assert.equal((await early).status, 200);
  }));

test('who waits when the launch fails is broken off, and the socket is gone', () =>
  serving(async (path, control) => {
    const early = connect(path);
    const outcome = new Promise((resolve) =>
      early.on('close', () => resolve('broken off')).on('end', () => early.end()),
    );
    await new Promise((resolve) => early.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n', resolve));
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve)); // it is accepted
    control.close();
    assert.equal(await outcome, 'broken off');
    assert.equal(existsSync(path), false);
  }));

test('a router that ends refuses every request with a sentence', () =>
  serving(async (path, control) => {
    control.serve(ROUTES);
    control.refuse('the router is stopping');
    assert.deepEqual(await ask(path, 'GET', '/v1/status'), { status: 409, body: { error: 'the router is stopping' } });
  }));

test('a path that is served is refused and served on; one that nobody serves any more is taken', () =>
  serving(async (path, control) => {
    control.serve(ROUTES);
    await assert.rejects(
      claimControl(path, undefined, noBug),
      new Refused(`another router serves "${path}"`, 'mesh status'),
    );
    assert.equal((await ask(path, 'GET', '/v1/status')).status, 200);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  }));

test('a file that is no socket is refused and kept', () =>
  inTemporaryDir(async (dir) => {
    const path = join(dir, 'precious');
    writeFileSync(path, 'data');
    await assert.rejects(claimControl(path, undefined, noBug), { message: `"${path}" exists and is no socket` });
    assert.equal(readFileSync(path, 'utf8'), 'data');
    await assert.rejects(claimControl(join(path, 'sock'), undefined, noBug), {
      message: `the control socket "${path}/sock" cannot be made: its directory is a file`,
    });
  }));

test('only its owner can connect, from the first moment, and with --socket-group the members of one group', () =>
  inTemporaryDir(async (dir) => {
    const before = process.umask(0);
    try {
      const [path, shared] = [join(dir, 'own'), join(dir, 'shared')];
      const alone = claimControl(path, undefined, noBug);
      const group = String(process.getgid!());
      const both = [await alone, await claimControl(shared, group, noBug)];
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual([statSync(shared).mode & 0o777, statSync(shared).gid], [0o660, process.getgid!()]);
      assert.equal(process.umask(), 0, "others' files are made as before");
      await assert.rejects(
        claimControl(join(dir, 'none'), 'no-such-group', noBug),
        new Refused('there is no group "no-such-group" in /etc/group', 'groupadd no-such-group'),
      );
      for (const control of both) control.close();
    } finally {
      process.umask(before);
    }
  }));

test('who says nothing, or half a request, or too much, is let go, and others are served meanwhile', () =>
  inTemporaryDir(async (dir) => {
    const path = join(dir, 'sock');
    const control = await claimControl(path, undefined, noBug);
    control.serve(ROUTES);
    const ended = (first: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let heard = '';
        const socket = connect(path, () => socket.write(first));
        socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
        socket.on('close', () => resolve(heard.split('\r\n')[0]!)).on('error', reject);
      });
    const silent = Promise.all([
      ended(''),
      ended('GET /v1/status HTTP/1.1\r\nhost: mesh\r\n'),
      ended(`GET /v1/status HTTP/1.1\r\nhost: ${'m'.repeat(10_000)}`),
    ]);
    assert.equal((await ask(path, 'GET', '/v1/status')).status, 200);
    const answers = await silent;
    assert.ok(['', 'HTTP/1.1 408 Request Timeout'].includes(answers[0]), answers[0]);
    assert.equal(answers[1], 'HTTP/1.1 408 Request Timeout');
    assert.equal(answers[2], 'HTTP/1.1 431 Request Header Fields Too Large');
    control.close();
  }));
