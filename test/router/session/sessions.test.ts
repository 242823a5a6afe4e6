import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HANDSHAKE_MS } from '../../../router/session/side.js';
import type { Millis } from '../../../router/types.js';
import { encodeSession, SessionType } from '../../../router/wire/session.js';
import { keysOf } from '../../support/real-trust.js';
import { assertCrossed, hostId, PERFECT, SessionHost, SessionLab, type Wire } from '../../support/session-pair.js';

const at = (ms: number): Millis => ms as Millis;
const LOST: Wire = () => [];
const pair = (wire?: Wire): { a: SessionHost; b: SessionHost; lab: SessionLab } => {
  const [a, b] = [new SessionHost(1), new SessionHost(2)];
  return { a, b, lab: new SessionLab([a, b], wire) };
};

test('two that want a session have one after four messages, with keys that crossed over, and then are silent', () => {
  const { a, b, lab } = pair();
  lab.want();
  lab.run(100);
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  assert.equal(a.confirmed(b.id)!.cipher, 'aes-256-gcm');
  lab.run(60_000);
  assert.deepEqual([a.sent, b.sent], [2, 2]);
  assert.deepEqual([...a.drops, ...b.drops], []);
  assert.deepEqual(
    a.told.map((fx) => fx.kind),
    ['session', 'sessionConfirmed'],
  );
  assert.deepEqual(
    b.told.map((fx) => fx.kind),
    ['session'],
  );
});

test('nobody wants a session: nothing is sent, kept or timed', () => {
  const { a, b, lab } = pair();
  lab.deliver(
    encodeSession({
      type: SessionType.initiate,
      hops: 1,
      src: a.id,
      dst: b.id,
      token: new Uint8Array(8),
      body: new Uint8Array(32),
    }),
  );
  assert.deepEqual([b.sent, b.sessions.indices, b.sessions.nextDeadline()], [0, 0, undefined]);
  assert.deepEqual(b.drops, ['session-unwanted']);
});

test('the cipher is AES only where both have it in hardware', () => {
  for (const [aes1, aes2] of [
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    const [a, b] = [new SessionHost(1, { aes: aes1 }), new SessionHost(2, { aes: aes2 })];
    const lab = new SessionLab([a, b]);
    lab.want();
    lab.run(100);
    assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
    assert.equal(a.confirmed(b.id)!.cipher, 'chacha20-poly1305');
  }
});

test('who has another secret is not answered', () => {
  const [a, b] = [new SessionHost(1), new SessionHost(2, { keys: keysOf(1) })];
  const lab = new SessionLab([a, b]);
  lab.want();
  lab.run(1_000);
  assert.deepEqual([a.told, b.told], [[], []]);
  assert.ok(b.drops.includes('session-secret'));
});

test('one that begins to listen late is served within a second, whichever it is', () => {
  for (const late of [0, 1] as const) {
    const { a, b, lab } = pair();
    const [first, second] = late === 0 ? [b, a] : [a, b];
    lab.wants(first, second);
    lab.run(45_000);
    assert.equal(first.told.length + second.told.length, 0);
    lab.wants(second, first);
    lab.run(1_000);
    assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  }
});

test('every two minutes there is another session, and the indices of those before the last are free again', () => {
  const { a, b, lab } = pair();
  lab.want();
  lab.run(10 * 60_000);
  assert.ok(a.of(b.id).length >= 5 && a.of(b.id).length <= 6, String(a.of(b.id).length));
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  const keys = [...a.of(b.id), ...b.of(a.id)].map((s) => Buffer.from(s.sendKey).toString('hex'));
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual([a.sessions.indices, b.sessions.indices], [2, 2]);
});

test('a session that has sealed enough is replaced at once, whichever end says so', () => {
  const { a, b, lab } = pair();
  lab.want();
  lab.run(20_000);
  for (const [host, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    const before = a.of(b.id).length;
    lab.perform(host, host.sessions.handle({ kind: 'worn', peer: peer.id }, lab.now));
    lab.run(1_500);
    assert.equal(a.of(b.id).length, before + 1);
    assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
    lab.run(20_000);
  }
});

test('a peer that runs anew gets a new session when its connection comes up', () => {
  const { a, b, lab } = pair();
  const up = (launch: number): void =>
    lab.perform(a, a.sessions.handle({ kind: 'up', peer: b.id, launch: Uint8Array.of(launch) }, lab.now));
  lab.want();
  up(1);
  lab.run(1_000);
  up(1);
  lab.run(1_000);
  assert.equal(a.of(b.id).length, 1);
  up(2);
  lab.run(1_000);
  assert.equal(a.of(b.id).length, 2);
});

test('a peer that lost its sessions and is reached by others asks, and gets one', () => {
  const [a, b, anew] = [new SessionHost(1), new SessionHost(2), new SessionHost(2)];
  const before = new SessionLab([a, b]);
  before.want();
  before.run(1_000);
  const after = new SessionLab([a, anew]);
  after.run(30_000);
  after.wants(anew, a);
  after.run(1_000);
  assertCrossed(a.confirmed(b.id), anew.confirmed(a.id));
});

test('a peer that cannot be reached costs nothing until there is a way', () => {
  const { a, b, lab } = pair();
  a.isReachable = b.isReachable = false;
  lab.want();
  lab.run(60_000);
  assert.deepEqual([a.sent, b.sent, a.sessions.nextDeadline()], [0, 0, undefined]);
  a.isReachable = b.isReachable = true;
  for (const host of [a, b]) lab.perform(host, host.sessions.handle({ kind: 'ways' }, lab.now));
  lab.run(100);
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
});

test('an unwanted, left or forgotten peer loses its sessions, once, and nothing is kept of it', () => {
  const { a, b, lab } = pair();
  lab.want();
  lab.run(100);
  lab.wants(a, b, false);
  lab.wants(a, b, false);
  lab.perform(b, b.sessions.handle({ kind: 'gone', peer: a.id, reason: 'left' }, lab.now));
  assert.deepEqual(a.told.at(-1), { kind: 'sessionLost', peer: b.id, reason: 'unwanted' });
  assert.deepEqual(b.told.at(-1), { kind: 'sessionLost', peer: a.id, reason: 'left' });
  assert.equal(a.told.filter((fx) => fx.kind === 'sessionLost').length, 1);
  for (const { sessions } of [a, b])
    assert.deepEqual([sessions.count, sessions.indices, sessions.nextDeadline()], [0, 0, undefined]);
});

test('without an answer the initiator asks after 1, 2, 4, 8 .. 30 s, a quarter more or less, and grows no table', () => {
  const said: { readonly ms: number; readonly bytes: string }[] = [];
  const { a, b, lab } = pair((bytes) => {
    said.push({ ms: lab.now, bytes: Buffer.from(bytes).toString('hex') });
    return LOST(bytes);
  });
  lab.wants(a, b);
  lab.run(300_000);
  const waits = said.slice(1).map(({ ms }, i) => ms - said[i]!.ms);
  for (const [i, s] of [1, 2, 4, 8, 16, 30, 30].entries())
    assert.ok(waits[i]! >= s * 750 && waits[i]! <= s * 1_250, String(waits));
  for (const [i, { ms, bytes }] of said.entries())
    assert.equal(
      bytes === said[0]!.bytes,
      ms < HANDSHAKE_MS,
      `a new handshake after ten seconds, and not before: ${i}`,
    );
  assert.equal(a.sessions.indices, 1);
});

test('a lost finish or confirm is repeated: the session is confirmed with the keys it had', () => {
  for (const type of [SessionType.finish, SessionType.confirm]) {
    let lost = 0;
    const { a, b, lab } = pair((bytes) => (bytes[1] === type && lost++ < 2 ? [] : PERFECT(bytes)));
    lab.want();
    lab.run(5_000);
    assert.equal(lost, 3);
    assert.deepEqual([a.of(b.id).length, b.of(a.id).length], [1, 1]);
    assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  }
});

test('three hundred sessions of one router, whichever side it is, take four frames each and little more than the round trips', () => {
  for (const hubId of [1, 1000]) {
    const hub = new SessionHost(hubId);
    const spokes = Array.from({ length: 300 }, (_, i) => new SessionHost(i + 2));
    const lab = new SessionLab([hub, ...spokes]);
    for (const spoke of spokes)
      for (const [x, y] of [
        [hub, spoke],
        [spoke, hub],
      ] as const)
        lab.wants(x, y);
    lab.run(100);
    for (const spoke of spokes) assertCrossed(hub.confirmed(spoke.id), spoke.confirmed(hub.id));
    assert.equal(hub.sent + spokes.reduce((n, s) => n + s.sent, 0), 4 * 300);
    assert.equal(new Set(spokes.map((s) => hub.confirmed(s.id)!.receiveIndex)).size, 300);
  }
});

test('one tick begins few handshakes, and the next one comes at once', () => {
  const hub = new SessionHost(1);
  for (let n = 2; n <= 301; n++) hub.sessions.handle({ kind: 'wanted', peer: hostId(n), wanted: true }, at(0));
  for (let ticks = 0; ticks < 18; ticks++) {
    assert.ok(hub.sessions.handle({ kind: 'tick' }, at(0)).length <= 20);
    assert.equal(hub.sessions.nextDeadline(), 0);
  }
  hub.sessions.handle({ kind: 'tick' }, at(0));
  assert.ok(hub.sessions.nextDeadline()! > 0);
});
