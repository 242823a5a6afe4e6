import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SwimCarrier, type Ways } from '../../router/swim-carrier.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../router/types.js';
import { decodeDatagram, encodeDatagram, MAX_HOPS, MAX_PAYLOAD_BYTES } from '../../router/wire/datagram.js';

const [A, B, C] = ['a', 'b', 'c'].map((c) => c.repeat(32) as PeerId) as [PeerId, PeerId, PeerId];
const to = (peer: PeerId): SocketAddress => ({ ip: `10.0.0.${parseInt(peer[0]!, 16)}` as Ip, port: 6783 });
const at = (ms: number): Millis => ms as Millis;
/** Over others everything is known, and nobody is to be reached straight. */
const OVER: Ways = { over: to, straight: () => [] };
const NO_WAY: Ways = { over: () => undefined, straight: () => [] };

const from = (src: PeerId, dst: PeerId, hops = MAX_HOPS): Uint8Array =>
  encodeDatagram({ kind: 'swim', hops, src, dst, payload: Uint8Array.of(7) });

test('what is for us goes to membership, under its source', () => {
  const [fx] = new SwimCarrier(A).receive(from(C, A), OVER, assert.fail);
  assert.deepEqual(fx, { kind: 'swimReceive', from: C, payload: Uint8Array.of(7) });
});

test('what is for another goes on with one hop less, the rest untouched', () => {
  const [fx] = new SwimCarrier(B).receive(from(A, C, 5), OVER, assert.fail);
  assert.ok(fx?.kind === 'sendDatagram');
  assert.deepEqual(fx.to, to(C));
  assert.deepEqual(decodeDatagram(fx.bytes), { kind: 'swim', hops: 4, src: A, dst: C, payload: Uint8Array.of(7) });
});

test('a loop ends, what came from us is not taken, and a peer without a way gets nothing: each counted', () => {
  const drops: string[] = [];
  const count = (reason: string): void => void drops.push(reason);
  assert.deepEqual(new SwimCarrier(B).receive(from(A, C, 1), OVER, count), []);
  assert.deepEqual(new SwimCarrier(A).receive(from(A, A), OVER, count), []);
  assert.deepEqual(new SwimCarrier(B).receive(from(A, C), NO_WAY, count), []);
  assert.deepEqual(drops, ['datagram-hops', 'datagram-own', 'datagram-no-way']);
});

test('what does not fit a datagram, or has no way, is not sent', () => {
  const carrier = new SwimCarrier(A);
  assert.deepEqual(carrier.send(B, new Uint8Array(MAX_PAYLOAD_BYTES + 1), OVER, at(0)), []);
  assert.deepEqual(carrier.send(B, Uint8Array.of(1), NO_WAY, at(0)), []);
});

test('any bytes are a counted drop or a datagram, never more than one', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 1500 }), fc.constant(from(C, A))), (bytes) => {
      let drops = 0;
      const fx = new SwimCarrier(A).receive(bytes, OVER, () => drops++);
      assert.equal(fx.length + drops, 1);
    }),
  );
});
