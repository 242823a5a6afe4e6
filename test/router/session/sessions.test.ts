import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Session } from '../../../router/session/side.js';
import { encodeSession, SessionType } from '../../../router/wire/session.js';
import { PERFECT, SessionHost, SessionLab, type Wire } from '../../support/session-pair.js';

const LOST: Wire = () => [];
const pair = (wire?: Wire): { a: SessionHost; b: SessionHost; lab: SessionLab } => {
  const [a, b] = [new SessionHost(1), new SessionHost(2)];
  return { a, b, lab: new SessionLab([a, b], wire) };
};

function assertCrossed(x: Session | undefined, y: Session | undefined): void {
  assert.ok(x !== undefined && y !== undefined);
  assert.deepEqual([x.sendKey, x.receiveKey, x.cipher], [y.receiveKey, y.sendKey, y.cipher]);
  assert.deepEqual([x.sendIndex, x.receiveIndex], [y.receiveIndex, y.sendIndex]);
  assert.notEqual(x.initiatedBy, y.initiatedBy);
  assert.notDeepEqual(x.sendKey, x.receiveKey);
}

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

test('who knows another secret has another key, so no session is confirmed', () => {
  const [a, b] = [new SessionHost(1), new SessionHost(2, { secret: Uint8Array.of(1) })];
  const lab = new SessionLab([a, b]);
  lab.want();
  lab.run(1_000);
  assert.equal(a.confirmed(b.id), undefined);
  assert.ok(a.drops.includes('session-forged'));
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
  const { a, b, lab } = pair(LOST);
  lab.wants(a, b);
  const at: number[] = [];
  for (let last = 0, s = 0; s < 300; s += 0.25) {
    lab.run(250);
    if (a.sent > last) at.push(s);
    last = a.sent;
  }
  const waits = at.slice(1).map((t, i) => t - at[i]!);
  for (const [i, ms] of [1, 2, 4, 8, 16, 30, 30].entries())
    assert.ok(waits[i]! >= ms * 0.75 - 0.25 && waits[i]! <= ms * 1.25 + 0.25, String(waits));
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

test('a flood of first messages is answered at a bounded pace and kept in bounded memory, and the real one comes through', () => {
  const { a, b, lab } = pair();
  lab.wants(b, a);
  for (let n = 0; n < 5_000; n++) {
    const token = new Uint8Array(8).fill(n & 255).fill(n >> 8, 0, 4);
    const body = new Uint8Array(32).fill(9);
    body[0] = n & 255;
    lab.deliver(encodeSession({ type: SessionType.initiate, hops: 8, src: a.id, dst: b.id, token, body }));
    lab.run(2);
  }
  assert.ok(b.sent <= 30, `${b.sent} answers and requests in 10 s`);
  assert.ok(b.sessions.indices <= 2, String(b.sessions.indices));
  assert.ok(b.drops.filter((reason) => reason === 'session-rate').length > 4_900);
  lab.wants(a, b);
  lab.run(5_000);
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
});

test('what was recorded changes nothing when it comes again, in any order', () => {
  const recorded: Uint8Array[] = [];
  const { a, b, lab } = pair((bytes) => {
    recorded.push(bytes);
    return PERFECT(bytes);
  });
  lab.want();
  lab.run(3 * 60_000);
  const before = [a.told.length, b.told.length, a.sessions.indices];
  lab.wire = PERFECT;
  for (const bytes of [...recorded, ...[...recorded].reverse()]) lab.deliver(bytes);
  lab.run(1_000);
  assert.deepEqual([a.told.length, b.told.length, a.sessions.indices], before);
  lab.run(15_000);
  assert.deepEqual([a.sessions.indices, b.sessions.indices], [2, 2]);
});

/** What happens to the n-th frame. */
const anyFate = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'arrives' } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: 'lost' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('twice' as const), ms: fc.nat(20_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const), ms: fc.nat(20_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('damaged' as const),
      at: fc.nat(200),
      xor: fc.integer({ min: 1, max: 255 }),
    }),
  },
);

test('whatever is lost, repeated, delayed or damaged: confirmed sessions cross over, and both ends come to one', () => {
  fc.assert(
    fc.property(fc.array(anyFate, { maxLength: 24 }), (fates) => {
      let n = 0;
      const { a, b, lab } = pair((bytes) => {
        const fate = fates[n++] ?? { kind: 'arrives' };
        switch (fate.kind) {
          case 'arrives':
            return PERFECT(bytes);
          case 'lost':
            return [];
          case 'twice':
            return [...PERFECT(bytes), { afterMs: fate.ms, bytes }];
          case 'late':
            return [{ afterMs: 1 + fate.ms, bytes }];
          case 'damaged':
            return PERFECT(bytes.map((byte, i) => (i === fate.at % bytes.length ? byte ^ fate.xor : byte)));
        }
      });
      lab.want();
      for (let s = 0; s < 400 && (n < fates.length || s < 60); s += 5) {
        lab.run(5_000);
        assertNoFalseBelief(a, b);
        assertNoFalseBelief(b, a);
      }
      lab.run(60_000); // the last frame may be late by 20 s, and a retry is due within 38 s of the last failure
      assertCrossed(a.of(b.id).at(-1), b.of(a.id).at(-1));
      assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
      for (const { sessions } of [a, b]) assert.ok(sessions.indices <= 4);
    }),
    { numRuns: 200 },
  );
});

/** Whom `x` holds for confirmed has the very session, with the keys the other way round. */
function assertNoFalseBelief(x: SessionHost, y: SessionHost): void {
  const mine = x.confirmed(y.id);
  if (mine === undefined) return;
  const theirs = y.of(x.id).find((s) => s.receiveIndex === mine.sendIndex);
  assertCrossed(mine, theirs);
}
