import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { CannotListen, MAX_QUEUED_BYTES, socketAddress } from '../../../router/runtime/network.js';
import { Sockets } from '../../../router/runtime/sockets.js';
import type { Ip } from '../../../router/types.js';
import { Events, networkContract } from '../../contract/network.js';
import { Links } from '../../sim/network/links.js';
import { FakeUnderlay } from '../../support/fake-underlay.js';

const v4 = ['127.0.0.1', '127.0.0.2'] as unknown as readonly [Ip, Ip];
const v6 = '::1' as Ip;

networkContract('sockets on IPv4', () => ({
  ips: v4,
  host: (which, port, sink) => new Sockets({ port, host: v4[which], sink }),
}));

networkContract('sockets on IPv6', () => ({
  ips: [v6, v6],
  host: (_which, port, sink) => new Sockets({ port, host: v6, sink }),
}));

networkContract('a fake', () => {
  const underlay = new FakeUnderlay();
  return { ips: v4, host: (which, port, sink) => underlay.host([v4[which]], port, sink) };
});

networkContract('a fake on wires that delay and cut up', () => {
  const wire = new Links(Math.random, () => performance.now());
  wire.setAll({ latencyMs: 0, jitterMs: 2, mtu: 1_500, bitsPerS: 1e9 });
  const underlay = new FakeUnderlay({ wire });
  return { ips: v4, host: (which, port, sink) => underlay.host([v4[which]], port, sink) };
});

/** Listens on every address, as a router does by default. */
async function onAll(run: (s: Sockets, events: Events, port: number) => Promise<void>): Promise<void> {
  const events = new Events();
  const sockets = new Sockets({ port: 0, sink: events.sink });
  try {
    await run(sockets, events, (await sockets.listen()).port);
  } finally {
    await sockets.stop();
  }
}

test('by default both families are served on one port, each under its own address', async () => {
  await onAll(async (sockets, events, port) => {
    for (const [i, host] of ['127.0.0.1', '::1', '::ffff:127.0.0.1', 'localhost'].entries())
      sockets.dial(i + 1, host, port, 5_000);
    await events.until(() => events.of('opened').length === 8);
    for (const ev of events.of('opened'))
      assert.match(`${ev.local.ip} ${ev.remote.ip}`, /^(127\.0\.0\.1 127\.0\.0\.1|::1 ::1)$/);
    for (const ip of ['127.0.0.1', '::1'] as Ip[]) sockets.sendDatagram({ ip, port }, Buffer.from(ip));
    await events.until(() => events.of('datagram').length === 2);
    for (const ev of events.of('datagram')) assert.equal(ev.from.ip, Buffer.from(ev.bytes).toString());
  });
});

test('a name that does not resolve is said to, with the name', async () => {
  await onAll(async (sockets, events) => {
    const name = `${'x'.repeat(64)}.invalid`; // a label beyond 63 bytes fails without asking anybody
    sockets.dial(1, name, 6783, 5_000);
    const failed = await events.first('dialFailed');
    assert.equal(failed.reason, 'unresolvable');
    assert.ok(failed.sentence.includes(`"${name}"`), failed.sentence);
  });
});

test('an address that is not ours cannot be listened on, and the error says so', async () => {
  const sockets = new Sockets({ port: 0, host: '192.0.2.77' as Ip, sink: () => undefined });
  await assert.rejects(
    sockets.listen(),
    (e) => e instanceof CannotListen && e.message === '192.0.2.77 is not an address of this host',
  );
});

test('a peer that does not read is closed as slow, and send never waits', async () => {
  const held: Socket[] = [];
  const deaf = createServer({ pauseOnConnect: true }, (socket) => held.push(socket));
  await new Promise<void>((done) => deaf.listen(0, '127.0.0.1', done));
  try {
    await onAll(async (sockets, events) => {
      sockets.dial(1, '127.0.0.1', (deaf.address() as { port: number }).port, 5_000);
      await events.first('opened');
      const chunk = new Uint8Array(1024 * 1024);
      let sent = 0;
      for (; events.of('closed').length === 0 && sent < 64; sent++) {
        sockets.send(1, chunk);
        await new Promise(setImmediate);
      }
      assert.deepEqual(await events.first('closed'), { kind: 'closed', conn: 1, reason: 'slow peer' });
      assert.ok(sent > MAX_QUEUED_BYTES / chunk.length, 'not before the queue is full');
    });
  } finally {
    for (const socket of held) socket.destroy();
    deaf.close();
  }
});

test('an IPv4-mapped address and a zone are written as what they mean', () => {
  assert.deepEqual(socketAddress('::ffff:10.0.0.1', 5), { ip: '10.0.0.1', port: 5 });
  assert.deepEqual(socketAddress('fe80::1%eth0', 5), { ip: 'fe80::1', port: 5 });
  assert.equal(socketAddress(undefined, 5), undefined);
  assert.equal(socketAddress('10.0.0.1', 0), undefined);
});

test('a fake stream carries on after a cut, with nothing lost', async () => {
  const wire = new Links(Math.random, () => performance.now());
  const underlay = new FakeUnderlay({ wire });
  const [atA, atB] = [new Events(), new Events()];
  const [a, b] = [underlay.host(['10.0.0.1'], 6783, atA.sink), underlay.host(['10.0.0.2'], 6783, atB.sink)];
  await Promise.all([a.listen(), b.listen()]);
  a.dial(1, '10.0.0.2', 6783, 1_000);
  await atA.first('opened');
  wire.setReach(() => false);
  a.send(1, Buffer.from('one '));
  a.dial(2, '10.0.0.2', 6783, 0);
  assert.equal((await atA.first('dialFailed')).reason, 'timeout');
  assert.equal(atB.text(), '');
  wire.setReach(() => true);
  a.send(1, Buffer.from('two'));
  await atB.until(() => atB.text() === 'one two');
});
