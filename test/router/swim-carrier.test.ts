import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SwimCarrier, type Ways } from '../../router/swim-carrier.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../router/types.js';
import { HOPS_AT, MAX_HOPS, MAX_PAYLOAD_BYTES } from '../../router/wire/datagram.js';
import { encodeSwim } from '../../router/wire/swim.js';
import { DatagramPeers } from '../support/datagram-peers.js';

const [A, B, C] = ['a', 'b', 'c'].map((c) => c.repeat(32) as PeerId) as [PeerId, PeerId, PeerId];
const to = (peer: PeerId): SocketAddress => ({ ip: `10.0.0.${parseInt(peer[0]!, 16)}` as Ip, port: 6783 });
const at = (ms: number): Millis => ms as Millis;
/** Over others everything is known, and nobody is to be reached straight. */
const OVER: Ways = { over: to, straight: () => [], cameFrom: () => undefined, refuses: () => false };
const SEEN_AT: SocketAddress = { ip: '203.0.113.1' as Ip, port: 40_000 };
const NO_WAY: Ways = { ...OVER, over: () => undefined };

const peers = new DatagramPeers(A, B, C);
const from = (src: PeerId, dst: PeerId, hops = MAX_HOPS): Uint8Array => peers.datagram(src, dst, hops);
const carrierOf = (peer: PeerId): SwimCarrier => new SwimCarrier(peer, peers.fresh(peer));

test('what is for us goes to membership, under its source', () => {
  const [fx] = carrierOf(A).receive(from(C, A), SEEN_AT, OVER, assert.fail);
  assert.deepEqual(fx, { kind: 'swimReceive', from: C, payload: Uint8Array.of(7) });
});

test('where a datagram came from is told of the peer that sent it, not of one whose it passes on', () => {
  const told: unknown[] = [];
  const ways: Ways = { ...OVER, cameFrom: (...seen) => void told.push(seen) };
  carrierOf(A).receive(from(C, A), SEEN_AT, ways, assert.fail);
  carrierOf(A).receive(from(B, C), SEEN_AT, ways, assert.fail);
  carrierOf(A).receive(from(B, A, MAX_HOPS - 1), SEEN_AT, ways, assert.fail);
  assert.deepEqual(told, [
    [C, SEEN_AT],
    [B, SEEN_AT],
  ]);
});

test('of a peer that is put out nothing is taken or passed on, and nothing is sent to it', () => {
  const drops: string[] = [];
  const ways: Ways = { ...OVER, cameFrom: assert.fail, refuses: (peer) => peer === C };
  const carrier = carrierOf(A);
  for (const bytes of [from(C, A), from(C, B), from(B, C)])
    assert.deepEqual(
      carrier.receive(bytes, SEEN_AT, ways, (reason) => drops.push(reason)),
      [],
    );
  assert.deepEqual(drops, ['datagram-evicted', 'datagram-evicted', 'datagram-evicted']);
  assert.deepEqual(carrier.send(C, Uint8Array.of(7), ways, at(0)), []);
});

test('what is for another goes on with one hop less, the rest untouched', () => {
  const bytes = from(A, C, 5);
  const [fx] = carrierOf(B).receive(bytes, SEEN_AT, OVER, assert.fail);
  assert.ok(fx?.kind === 'sendDatagram');
  assert.deepEqual(fx.to, to(C));
  assert.deepEqual(
    fx.bytes,
    bytes.map((byte, at) => (at === HOPS_AT ? 4 : byte)),
  );
  const [end] = carrierOf(C).receive(fx.bytes, SEEN_AT, OVER, assert.fail);
  assert.deepEqual(end, { kind: 'swimReceive', from: A, payload: Uint8Array.of(7) });
});

test('a loop ends, what came from us is not taken, and a peer without a way gets nothing: each counted', () => {
  const drops: string[] = [];
  const count = (reason: string): void => void drops.push(reason);
  assert.deepEqual(carrierOf(B).receive(from(A, C, 1), SEEN_AT, OVER, count), []);
  assert.deepEqual(carrierOf(A).receive(from(A, B), SEEN_AT, OVER, count), []);
  assert.deepEqual(carrierOf(B).receive(from(A, C), SEEN_AT, NO_WAY, count), []);
  assert.deepEqual(drops, ['datagram-hops', 'datagram-own', 'datagram-no-way']);
});

test('what does not fit a datagram, or has no way, is not sent', () => {
  const carrier = carrierOf(A);
  assert.deepEqual(carrier.send(B, new Uint8Array(MAX_PAYLOAD_BYTES + 1), OVER, at(0)), []);
  assert.deepEqual(carrier.send(B, Uint8Array.of(1), NO_WAY, at(0)), []);
});

test('any bytes are a counted drop or a datagram, never more than one', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 1500 }), fc.constant(from(C, A))), (bytes) => {
      let drops = 0;
      const fx = carrierOf(A).receive(bytes, SEEN_AT, OVER, () => drops++);
      assert.equal(fx.length + drops, 1);
    }),
  );
});

/** B and C need no connection; straight they are elsewhere than over others. */
const straightTo = (peer: PeerId): SocketAddress => ({ ip: `10.1.0.${parseInt(peer[0]!, 16)}` as Ip, port: 6783 });
const SPARSE: Ways = { ...OVER, straight: (peer) => (peer === B || peer === C ? [straightTo(peer)] : []) };
const PING = encodeSwim([{ kind: 'ping', seq: 1 }]);
const ACK = encodeSwim([{ kind: 'ack', seq: 1 }]);

/** How a payload goes. */
function way(carrier: SwimCarrier, peer: PeerId, payload: Uint8Array, now: number): 'straight' | 'over' {
  const [fx] = carrier.send(peer, payload, SPARSE, at(now));
  assert.ok(fx?.kind === 'sendDatagram');
  return fx.to.ip.startsWith('10.1.') ? 'straight' : 'over';
}

test('a peer that needs no connection is asked straight, as long as it answers so', () => {
  const carrier = carrierOf(A);
  for (let now = 0; now < 100_000; now += 5_000) {
    assert.equal(way(carrier, B, PING, now), 'straight');
    carrier.receive(from(B, A), SEEN_AT, SPARSE, assert.fail);
    assert.equal(way(carrier, B, ACK, now + 10), 'straight');
  }
});

test('a ping that is not answered straight is sent again over others, and so is all else until one is', () => {
  const carrier = carrierOf(A);
  assert.equal(way(carrier, B, PING, 0), 'straight');
  assert.equal(way(carrier, B, PING, 300), 'over', 'in the same probe');
  carrier.receive(from(B, A, MAX_HOPS - 1), SEEN_AT, SPARSE, assert.fail);
  assert.equal(way(carrier, B, ACK, 500), 'over', 'as it came');
  const pings = Array.from({ length: 12 }, (_, i) => way(carrier, B, PING, 5_000 * (i + 1)));
  const straights = pings.flatMap((how, i) => (how === 'straight' ? [i] : []));
  assert.deepEqual(straights, [1, 5], 'less and less often');
  carrier.receive(from(B, A), SEEN_AT, SPARSE, assert.fail);
  assert.equal(way(carrier, B, PING, 60_500), 'over', 'too late to be the answer');
});

test('where first pings go in vain, the first to others seldom goes straight', () => {
  const many = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(32, '0') as PeerId);
  const ways: Ways = { ...OVER, straight: (peer) => [straightTo(peer)] };
  const carrier = new SwimCarrier(A, new DatagramPeers(...many).fresh(A));
  const straight = many.filter((peer, i) => {
    const [fx] = carrier.send(peer, PING, ways, at(2_000 * i));
    return fx?.kind === 'sendDatagram' && fx.to.ip.startsWith('10.1.');
  });
  assert.ok(straight.length < 5 + 40 / 3, `${straight.length}`);
});

test('a stranger is a counted drop, and nothing is sent to whose launch nobody told', () => {
  const [carrier, drops] = [carrierOf(A), [] as string[]];
  const strange = 'd'.repeat(32) as PeerId;
  const stranger = new DatagramPeers(A, strange).datagram(strange, A);
  assert.deepEqual(
    carrier.receive(stranger, SEEN_AT, SPARSE, (reason) => drops.push(reason)),
    [],
  );
  assert.deepEqual(drops, ['datagram-stranger']);
  assert.deepEqual(carrier.send(strange, ACK, SPARSE, at(0)), []);
});

test('where an older datagram comes from, that was held up or recorded, moves nothing', () => {
  const told: SocketAddress[] = [];
  const ways: Ways = { ...OVER, cameFrom: (_, seenAt) => void told.push(seenAt) };
  const carrier = carrierOf(A);
  const [older, newer] = [from(B, A), from(B, A)];
  carrier.receive(newer, to(B), ways, assert.fail);
  assert.equal(carrier.receive(older, SEEN_AT, ways, assert.fail).length, 1, 'it is taken all the same');
  assert.deepEqual(told, [to(B)]);
});
