import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionPlane, type SessionPlaneHooks } from '../../../router/session/session-plane.js';
import type { Millis, PeerId } from '../../../router/types.js';
import { decodeSession, encodeSession, SessionType } from '../../../router/wire/session.js';
import { peerOf } from '../../support/peers.js';
import { sessionTrust } from '../../support/session-pair.js';

const [A, B, C, SELF] = [1, 2, 3, 9].map(peerOf) as [PeerId, PeerId, PeerId, PeerId];
const at = (ms: number): Millis => ms as Millis;

class Hooks implements SessionPlaneHooks {
  readonly hops = new Map<PeerId, PeerId>([
    [A, A],
    [B, B],
    [C, B],
  ]);
  readonly sent: { readonly neighbour: PeerId; readonly body: Uint8Array }[] = [];
  readonly drops: string[] = [];

  readonly hop = (to: PeerId): PeerId | undefined => this.hops.get(to);
  readonly send = (neighbour: PeerId, body: Uint8Array): void => void this.sent.push({ neighbour, body });
  readonly drop = (reason: string): void => void this.drops.push(reason);
  emit(): void {
    assert.fail('nothing is agreed here');
  }
}

const from = (src: PeerId, dst: PeerId, hops = 8): Uint8Array =>
  encodeSession({ type: 77, hops, src, dst, token: new Uint8Array(8), body: Uint8Array.of(1) });

test('what is for another goes to its next hop with one hop less, the type unread, by a router without sessions too', () => {
  const hooks = new Hooks();
  new SessionPlane(SELF, Math.random, hooks).received(A, from(A, C, 5), at(0));
  assert.deepEqual(hooks.sent, [{ neighbour: B, body: from(A, C, 4) }]);
});

test('what would go back where it came from, has no way, no hop left, or is our own, is a counted drop', () => {
  const hooks = new Hooks();
  const plane = new SessionPlane(SELF, Math.random, hooks);
  plane.received(B, from(A, C), at(0));
  plane.received(A, from(A, peerOf(77)), at(0));
  plane.received(A, from(A, C, 1), at(0));
  plane.received(A, from(SELF, C), at(0));
  plane.received(A, from(A, SELF), at(0));
  plane.received(A, Uint8Array.of(1), at(0));
  assert.deepEqual(hooks.sent, []);
  assert.deepEqual(hooks.drops, [
    'session-no-way',
    'session-no-way',
    'session-hops',
    'session-own',
    'session-unwanted',
    'session-version',
  ]);
});

test('a neighbour that floods us with frames for others is held to a rate, and no other one with it', () => {
  const hooks = new Hooks();
  const plane = new SessionPlane(SELF, Math.random, hooks);
  for (let n = 0; n < 10_000; n++) plane.received(A, from(A, C), at(n / 10));
  assert.ok(hooks.sent.length >= 2_900 && hooks.sent.length <= 3_001, String(hooks.sent.length));
  const before = hooks.sent.length;
  plane.received(B, from(C, A), at(1_000));
  assert.equal(hooks.sent.length, before + 1);
});

test('a handshake begins by way of the next hop, and an unknown type for us is a counted drop', () => {
  const hooks = new Hooks();
  const plane = new SessionPlane(A, () => 0.5, hooks);
  plane.enable({ trust: () => sessionTrust(1), aes: true });
  plane.asked({ kind: 'sessionWanted', peer: C, wanted: true }, undefined, at(0));
  plane.act(1, at(0));
  assert.deepEqual(
    hooks.sent.map((s) => s.neighbour),
    [B],
  );
  const frame = decodeSession(hooks.sent[0]!.body);
  assert.ok(typeof frame !== 'string');
  assert.deepEqual(
    [frame.type, frame.src, frame.dst, frame.hops, frame.body.length],
    [SessionType.initiate, A, C, 8, 36],
  );
  plane.received(B, from(C, A), at(1));
  assert.deepEqual(hooks.drops, ['session-type']);
  assert.equal(plane.nextDeadline(), 1_000);
});
