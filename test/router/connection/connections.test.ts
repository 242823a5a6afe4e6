import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Connections } from '../../../router/connection/connections.js';
import { type ConnectionFx } from '../../../router/connection/connections.js';
import { signHello } from '../../../router/trust/greeting.js';
import { SecureStream } from '../../../router/trust/secure-stream.js';
import type { PeerId } from '../../../router/types.js';
import { encodeFrame, encodePreamble, FrameType } from '../../../router/wire/stream.js';
import {
  LOW,
  HIGH,
  MORE,
  REMOTE,
  act,
  at,
  connections,
  hear,
  helloOf,
  joined,
  kinds,
  meet,
  opened,
  sent,
  trustOf,
} from '../../support/connection-ends.js';

test('two routers greet and are connected', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  const [atA, atB] = meet(a, b, 'a', 1);
  assert.deepEqual(kinds(atA), ['send', 'up']);
  assert.deepEqual(kinds(atB), ['up']);
  assert.equal(a.of(HIGH)?.outbound, true);
  assert.equal(b.of(LOW)?.outbound, false);
});

test('of two dials that crossed, both ends use the same', () => {
  for (const first of ['a', 'b'] as const) {
    const [a, b] = [connections(LOW), connections(HIGH)];
    meet(a, b, first, 1);
    const [atA, atB] = meet(a, b, first === 'a' ? 'b' : 'a', 2);
    const [pongA, pongB] = first === 'a' ? [[], ['send']] : [['send'], []];
    assert.deepEqual(kinds(atA), [...pongA, 'close', 'up'], 'the lower decides');
    assert.deepEqual(kinds(atB), [...pongB, 'send', 'up'], 'the higher asks whether the other is still there');
    assert.deepEqual([a.of(HIGH)?.conn, b.of(LOW)?.conn], [2, -2]);
    assert.deepEqual(b.closed(-1, 'ended', at(1)), []);
  }
});

test('hellos that reach the two in unlike order leave both with the stream that the lower has kept', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  const [a1, b1] = [opened(a, 1, true, at(0)), opened(b, -1, false, at(0))];
  const [a2, b2] = [opened(a, 2, false, at(0)), opened(b, -2, true, at(0))];
  for (const [dialler, other] of [
    [a1, b1],
    [b2, a2],
  ] as const) {
    hear(other, dialler, at(1));
    hear(dialler, other, at(1)); // message 3 and the dialler's hello are on their way
    hear(other, dialler, at(1)); // and the other's hello
  }
  hear(b2, a2, at(1));
  hear(a1, b1, at(1));
  hear(a2, b2, at(1));
  hear(b1, a1, at(1));
  const [up] = b.closed(-1, 'ended', at(2));
  assert.ok(up?.kind === 'up' && !up.isNew);
  assert.deepEqual([a.of(HIGH)?.conn, b.of(LOW)?.conn], [2, -2]);
});

test('the higher id falls back to another stream when the one in use ends', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  meet(a, b, 'a', 1);
  meet(a, b, 'a', 2);
  const fx = b.closed(-2, 'reset', at(1));
  assert.deepEqual(kinds(fx), ['up']);
  assert.equal(b.of(LOW)?.conn, -1);
  assert.deepEqual(kinds(b.tick(at(5_001))), ['close', 'down'], 'which had been asked when it was put aside');
});

test('who has lost a stream replaces it by a new one, whichever end had dialled it and whoever still believes in it', () => {
  for (const dialled of ['a', 'b'] as const)
    for (const lost of ['a', 'b'] as const) {
      const [a, b] = [connections(LOW), connections(HIGH)];
      meet(a, b, dialled, 1);
      const down = lost === 'a' ? a.closed(1, 'reset', at(1)) : b.closed(-1, 'reset', at(1));
      assert.deepEqual(kinds(down), ['down']);
      meet(a, b, lost, 2, at(2));
      assert.deepEqual([a.of(HIGH)?.conn, b.of(LOW)?.conn], [2, -2], `${dialled} dialled, ${lost} lost it`);
      a.tick(at(5_003));
      assert.ok(b.tick(at(5_003)).every((fx) => fx.kind === 'close' && fx.conn === -1));
      assert.deepEqual([a.of(HIGH)?.conn, b.of(LOW)?.conn], [2, -2]);
    }
});

test('a hello that waited until its sender had given up is no connection', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  const [ofA, ofB] = [opened(a, 1, true, at(0)), opened(b, -1, false, at(0))];
  hear(ofB, ofA, at(1));
  hear(ofA, ofB, at(2));
  hear(ofB, ofA, at(4_900));
  assert.equal(b.of(LOW), undefined);
  assert.deepEqual(kinds(b.closed(-1, 'ended', at(9_001))), ['refused']);
});

test('a peer that was launched anew replaces its old connection, whoever dialled', () => {
  const a = connections(LOW);
  meet(a, connections(HIGH, 1), 'a', 1);
  const [atA] = meet(a, connections(HIGH, 2), 'b', 2);
  assert.deepEqual(kinds(atA), ['close', 'up']);
  assert.equal(a.of(HIGH)?.conn, 2);
  assert.deepEqual(a.closed(1, 'reset', at(1)), [], 'the end of the old stream is not the end of the connection');
});

test('our own address is refused as ours', () => {
  const a = connections(LOW);
  const [dialler, other] = [opened(a, 1, true, at(0)), opened(a, -1, false, at(0))];
  for (let round = 0; round < 2; round++) {
    hear(other, dialler, at(1));
    hear(dialler, other, at(1));
  }
  assert.equal(dialler.did.find((f) => f.kind === 'refused')?.why, 'self');
});

test('another router with our key is noticed by both, and told apart from ourselves', () => {
  const [a, b] = [connections(LOW, 1), connections(LOW, 2)];
  const [dialler, other] = [opened(a, 1, true, at(0)), opened(b, -1, false, at(0))];
  hear(other, dialler, at(1));
  hear(dialler, other, at(1));
  hear(other, dialler, at(1));
  const refused = other.did.find((f) => f.kind === 'refused');
  assert.equal(refused?.why, 'clone');
  assert.match(refused.reason, /has the same key as this router/);
  hear(dialler, other, at(1));
  assert.equal(dialler.did.find((f) => f.kind === 'refused')?.why, 'clone');
});

test('two machines with one key that both call a third are told by it, and the one that is connected stays so', () => {
  const c = connections(LOW);
  const [one, two] = [connections(HIGH, 1), connections(HIGH, 2)];
  meet(c, one, 'b', 1);
  meet(c, two, 'b', 2);
  assert.equal(c.of(HIGH)?.conn, 2, 'as after a restart');
  const [ofC, ofOne] = [opened(c, 3, false, at(1)), opened(one, -3, true, at(1))];
  for (let round = 0; round < 3; round++) {
    hear(ofC, ofOne, at(1));
    hear(ofOne, ofC, at(1));
  }
  assert.equal(ofC.did.find((f) => f.kind === 'refused')?.why, 'clone');
  assert.equal(ofOne.did.find((f) => f.kind === 'refused')?.why, 'clone');
  const told = ofC.did.flatMap((f) => (f.kind === 'send' && f.conn === 2 ? [f.bytes] : []));
  const heard = two.received(-2, joined(told), at(2));
  assert.deepEqual(
    heard.map((f) => f.kind === 'refused' && [f.why, f.caller]),
    [['clone', REMOTE.ip]],
  );
  assert.equal(c.of(HIGH)?.conn, 2);
  assert.equal(two.of(LOW)?.conn, -2);
});

/** Somebody who dials `a` under a key and says what it likes in a hello's place. */
function impostor(a: Connections, as: PeerId, say: (hash: Uint8Array) => Uint8Array): readonly ConnectionFx[] {
  const end = opened(a, -1, false, at(0));
  const secure = new SecureStream(trustOf(as));
  const said = secure.opened(true).flatMap((item) => (item.kind === 'say' ? [item.bytes] : []));
  act(end, a.received(-1, joined(said), at(1)));
  const last = secure.received(joined(end.outbox)).flatMap((item) => (item.kind === 'say' ? [item.bytes] : []));
  act(end, a.received(-1, joined([...last, secure.seal(say(secure.hash!))]), at(1)));
  return end.did.filter((fx) => fx.kind !== 'send');
}

test('an id that is not the hash of its key is refused and counted', () => {
  const fx = impostor(connections(LOW), HIGH, (hash) =>
    encodeFrame(FrameType.hello, signHello(trustOf(HIGH).signer, hash, true, { ...helloOf(HIGH), id: MORE[0]! })),
  );
  assert.deepEqual(fx[0], { kind: 'drop', reason: 'hello-id' });
  assert.deepEqual(kinds(fx), ['drop', 'close', 'refused']);
});

test('nobody with the secret can say that it is another: the key that the id is of must sign, on this stream', () => {
  const { signer } = trustOf(MORE[0]!);
  const forgeries: ((hash: Uint8Array) => Uint8Array)[] = [
    (hash) => signHello(signer, hash, true, helloOf(HIGH)),
    (hash) => signHello(trustOf(HIGH).signer, hash, false, helloOf(HIGH)),
    () => signHello(trustOf(HIGH).signer, new Uint8Array(64), true, helloOf(HIGH)),
  ];
  for (const forge of forgeries) {
    const a = connections(LOW);
    const fx = impostor(a, MORE[0]!, (hash) => encodeFrame(FrameType.hello, forge(hash)));
    assert.deepEqual(fx[0], { kind: 'drop', reason: 'hello-signature' });
    assert.equal(a.of(HIGH), undefined);
  }
});

test('what is not a mesh router is refused in words and counted', () => {
  const a = connections(LOW);
  a.opened(1, REMOTE, true, at(0));
  const fx = a.received(1, Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n'), at(1));
  assert.deepEqual(
    fx.find((f) => f.kind === 'refused'),
    {
      kind: 'refused',
      conn: 1,
      reason: 'what answers there is not a mesh router',
      why: 'not-mesh',
    },
  );
  assert.deepEqual(
    fx.find((f) => f.kind === 'drop'),
    { kind: 'drop', reason: 'stream-not-mesh' },
  );
});

test('another version says which and what to do', () => {
  const a = connections(LOW);
  a.opened(1, REMOTE, true, at(0));
  const preamble = encodePreamble();
  preamble.set([9, 9], 4);
  const refused = a.received(1, preamble, at(1)).find((f) => f.kind === 'refused');
  assert.equal(refused?.why, 'version');
  assert.match(refused?.reason ?? '', /version 9 .*version 3: upgrade the local mesh/);
});

test('who says nothing is hung up on: after 5 s if it called, after 10 s if we did', () => {
  for (const [dialled, ms] of [
    [false, 5_000],
    [true, 10_000],
  ] as const) {
    const a = connections(LOW);
    a.opened(1, REMOTE, dialled, at(0));
    assert.deepEqual(a.tick(at(ms - 1)), []);
    assert.deepEqual(kinds(a.tick(at(ms))), ['close', 'refused']);
    assert.equal(a.nextDeadline(), undefined);
  }
});

test('after 20 s of silence a ping goes out; 5 s without an answer end the connection', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  meet(a, b, 'a', 1);
  assert.deepEqual(a.tick(at(19_999)), []);
  const ping = joined(sent(a.tick(at(20_000))));
  const pong = joined(sent(b.received(-1, ping, at(20_001))));
  a.received(1, pong, at(20_002));
  assert.deepEqual(kinds(a.tick(at(40_002))), ['send']);
  assert.deepEqual(kinds(a.tick(at(45_002))), ['close', 'down']);
  assert.equal(a.of(HIGH), undefined);
});

test('pings that are due within a second go together, and one that is due later does not', () => {
  const a = connections(LOW);
  [HIGH, ...MORE].forEach((id, i) => meet(a, connections(id), 'a', i + 1, at([0, 900, 1_100][i]!)));
  assert.deepEqual(a.tick(at(19_999)), []);
  assert.deepEqual(kinds(a.tick(at(20_000))), ['send', 'send']);
  assert.equal(a.nextDeadline(), 21_100);
});

test('a challenge asks at once', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  meet(a, b, 'a', 1);
  assert.deepEqual(kinds(a.challenge(HIGH, at(100))), ['send']);
  assert.deepEqual(a.challenge(HIGH, at(101)), [], 'once is enough');
  assert.deepEqual(kinds(a.tick(at(5_100))), ['close', 'down']);
});

test('frames go to the router under the peer that the hello named', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  meet(a, b, 'a', 1);
  const bytes = joined(sent(b.send(LOW, encodeFrame(FrameType.digest, Uint8Array.of(1, 2)))));
  const [frame] = a.received(1, bytes, at(5));
  assert.ok(frame?.kind === 'frame' && frame.peer === HIGH && frame.type === FrameType.digest);
});

test('what is said because of a frame may leave before the answer to a ping that came with it', () => {
  const [a, b] = [connections(LOW), connections(HIGH)];
  meet(a, b, 'a', 1);
  const digest = encodeFrame(FrameType.digest, Uint8Array.of(1, 2));
  const both = joined(sent([...b.send(LOW, digest), ...b.challenge(LOW, at(4))]));
  const [frame, pong] = a.received(1, both, at(5));
  assert.deepEqual([frame?.kind, pong?.kind], ['frame', 'send']);
  const answer = sent(a.send(HIGH, digest));
  assert.deepEqual(kinds(b.received(-1, joined([...answer, ...sent([pong!])]), at(6))), ['frame']);
});

test('a frame before the hello ends the stream, before the handshake and behind it', () => {
  const block = encodeFrame(FrameType.block, new Uint8Array(9));
  const a = connections(LOW);
  a.opened(1, REMOTE, false, at(0));
  const early = a.received(1, joined([encodePreamble(), block]), at(1));
  assert.deepEqual(kinds(early), ['drop', 'close', 'refused']);
  const late = impostor(connections(LOW), HIGH, () => block);
  assert.deepEqual(late[0], { kind: 'drop', reason: 'frame-before-hello' });
  assert.deepEqual(kinds(late), ['drop', 'close', 'refused']);
});

test('no bytes make it throw or keep a stream that was given up', () => {
  const preamble = fc.constant(encodePreamble());
  const frame = fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }))
    .map(([t, b]) => encodeFrame(t, b));
  const chunk = fc.oneof(fc.uint8Array({ maxLength: 64 }), preamble, frame);
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
      const a = connections(LOW);
      a.opened(1, REMOTE, false, at(0));
      for (const c of chunks) a.received(1, c, at(1));
      a.tick(at(60_000));
      a.tick(at(120_000));
      assert.equal(a.nextDeadline(), undefined);
    }),
  );
});
