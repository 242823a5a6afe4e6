import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Connections, type ConnectionFx } from '../../../router/connection/connections.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../../router/types.js';
import { encodeHello, type Hello } from '../../../router/wire/hello.js';
import { peerIdOf } from '../../../router/wire/peer-id.js';
import { encodeFrame, encodePreamble, FrameType } from '../../../router/wire/stream.js';

const at = (ms: number): Millis => ms as Millis;
const KEYS = new Map([0, 1, 2, 3].map((n) => new Uint8Array(32).fill(n)).map((key) => [peerIdOf(key), key]));
const [LOW, HIGH, ...MORE] = [...KEYS.keys()].sort() as [PeerId, PeerId, ...PeerId[]];
const REMOTE: SocketAddress = { ip: '10.0.0.2' as Ip, port: 6783 };

const helloOf = (id: PeerId, launch = 1): Hello => ({
  id,
  publicKey: KEYS.get(id)!,
  name: id.slice(0, 4),
  incarnation: 1,
  port: 6783,
  launch: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, launch),
  dialled: undefined,
  softwareVersion: '0.1.0',
});

const connections = (id: PeerId, launch = 1): Connections => new Connections(id, () => helloOf(id, launch));

const kinds = (fx: readonly ConnectionFx[]): string[] => fx.map((f) => f.kind);
const sent = (fx: readonly ConnectionFx[]): Uint8Array[] => fx.flatMap((f) => (f.kind === 'send' ? [f.bytes] : []));
const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));

/** Opens a stream between the two and lets both greetings through. @returns what each end did with the other's */
function meet(
  a: Connections,
  b: Connections,
  dialler: 'a' | 'b',
  conn: number,
  now = at(0),
): [ConnectionFx[], ConnectionFx[]] {
  const fromA = joined(sent(a.opened(conn, REMOTE, dialler === 'a', now)));
  const fromB = joined(sent(b.opened(-conn, REMOTE, dialler === 'b', now)));
  if (dialler === 'a') {
    const atA = a.received(conn, fromB, now);
    return [atA, b.received(-conn, joined([fromA, answer(atA)]), now)];
  }
  const atB = b.received(-conn, fromA, now);
  return [a.received(conn, joined([fromB, answer(atB)]), now), atB];
}

/** What the dialler says to the other's hello. */
const answer = ([first]: readonly ConnectionFx[]): Uint8Array => (first?.kind === 'send' ? first.bytes : assert.fail());

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
  const fromB = [1, 2].map((conn) => joined(sent(b.opened(-conn, REMOTE, conn === 2, at(0)))));
  const fromA = [1, 2].map((conn) => joined(sent(a.opened(conn, REMOTE, conn === 1, at(0)))));
  const ofB = answer(b.received(-2, fromA[1]!, at(1)));
  const ofA = answer(a.received(1, fromB[0]!, at(1)));
  assert.deepEqual(kinds(a.received(2, joined([fromB[1]!, ofB]), at(1))), ['close', 'up']);
  assert.deepEqual(kinds(b.received(-1, joined([fromA[0]!, ofA]), at(1))), ['send', 'up']);
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
  const late = joined(sent(a.opened(1, REMOTE, true, at(0))));
  b.opened(-1, REMOTE, false, at(0));
  assert.deepEqual(b.received(-1, late, at(9_000)), []);
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
  const greeting = joined(sent(a.opened(1, REMOTE, true, at(0))));
  const fx = a.received(1, greeting, at(1));
  assert.deepEqual(kinds(fx), ['send', 'close', 'refused']);
  assert.equal(fx.find((f) => f.kind === 'refused')?.why, 'self');
});

test('an id that is not the hash of its key is refused and counted', () => {
  const a = connections(LOW);
  a.opened(1, REMOTE, false, at(0));
  const spoilt = encodeHello(helloOf(HIGH));
  spoilt[3]! ^= 1;
  const fx = a.received(1, joined([encodePreamble(), encodeFrame(FrameType.hello, spoilt)]), at(1));
  assert.deepEqual(kinds(fx), ['drop', 'send', 'close', 'refused']);
  assert.deepEqual(fx[0], { kind: 'drop', reason: 'hello-id' });
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
  assert.match(refused?.reason ?? '', /version 9 .*version 1: upgrade the local mesh/);
});

test('the other side learns why it was refused', () => {
  const [a, b] = [connections(LOW), connections(LOW)]; // one key on two machines
  const fromA = joined(sent(a.opened(1, REMOTE, true, at(0))));
  b.opened(-1, REMOTE, false, at(0));
  const refusal = joined(sent(b.received(-1, fromA, at(0))));
  const fx = a.received(1, joined([encodePreamble(), refusal]), at(1));
  assert.match(fx.find((f) => f.kind === 'refused')?.reason ?? '', /this router itself/);
});

test('who says nothing for 10 s is hung up on', () => {
  const a = connections(LOW);
  a.opened(1, REMOTE, false, at(0));
  assert.deepEqual(a.tick(at(9_999)), []);
  assert.deepEqual(kinds(a.tick(at(10_000))), ['close', 'refused']);
  assert.equal(a.nextDeadline(), undefined);
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

test('a frame before the hello ends the stream', () => {
  const a = connections(LOW);
  a.opened(1, REMOTE, false, at(0));
  const fx = a.received(1, joined([encodePreamble(), encodeFrame(FrameType.block, new Uint8Array(9))]), at(1));
  assert.ok(fx.some((f) => f.kind === 'drop' && f.reason === 'frame-before-hello'));
  assert.ok(fx.some((f) => f.kind === 'close'));
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
