import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelayPlane, spread, type RelayPlaneHooks } from '../../../router/relay/relay-plane.js';
import type { HopSearch, RelayFx } from '../../../router/relay/shared.js';
import type { Millis, PeerId } from '../../../router/types.js';
import { decodeRelay, encodeRelay, type RelayFrame, type RelayToken, type Setup } from '../../../router/wire/relay.js';
import { relayPeer } from '../../support/relay-lab.js';
import { seededEntropy } from '../../support/session-pair.js';

const [SELF, A, R, B] = [0, 1, 2, 3].map(relayPeer) as [PeerId, PeerId, PeerId, PeerId];
const at = (ms: number): Millis => ms as Millis;
const LAUNCH = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const SETUP: Setup = {
  kind: 'setup',
  token: '00000000000000ff' as RelayToken,
  label: 0,
  destination: B,
  path: [A],
  avoid: [],
};

class Hooks implements RelayPlaneHooks {
  readonly sent: { readonly to: PeerId; readonly frame: RelayFrame | string }[] = [];
  readonly told: RelayFx[] = [];
  readonly drops: string[] = [];
  readonly hopsForData = (to: PeerId, search: HopSearch): readonly PeerId[] => (search.canBeLast ? [to] : [R]);
  readonly knows = (): boolean => true;
  readonly send = (to: PeerId, body: Uint8Array): void => void this.sent.push({ to, frame: decodeRelay(body) });
  readonly emit = (fx: RelayFx): void => void this.told.push(fx);
  readonly drop = (reason: string): void => void this.drops.push(reason);
}

function plane(isEnabled = true): { hooks: Hooks; relays: RelayPlane } {
  const hooks = new Hooks();
  const relays = new RelayPlane(SELF, () => 0.5, hooks);
  if (isEnabled) relays.enable(seededEntropy('plane'), at(0));
  return { hooks, relays };
}

test('a way that was wanted before there is a sleeve is asked for when there is one, unless it no longer is', () => {
  const { hooks, relays } = plane(false);
  for (const peer of [A, B]) relays.asked({ kind: 'relayWanted', peer, wanted: true }, at(0));
  relays.asked({ kind: 'relayWanted', peer: A, wanted: false }, at(0));
  relays.act(1, at(0));
  assert.deepEqual([hooks.sent, relays.nextDeadline(), relays.held], [[], undefined, undefined]);
  relays.enable(seededEntropy('plane'), at(0));
  relays.enable(seededEntropy('plane'), at(0));
  assert.deepEqual(hooks.sent.map(({ to }) => to), [R]); // prettier-ignore
  const { frame } = hooks.sent[0]!;
  assert.ok(typeof frame !== 'string' && frame.kind === 'setup' && frame.destination === B);
});

test('a router without a sleeve refuses at once, so that another relay is asked, and answers nothing else', () => {
  const { hooks, relays } = plane(false);
  relays.received(A, encodeRelay(SETUP), at(0));
  relays.received(A, encodeRelay({ kind: 'ready', token: SETUP.token, label: 1, relays: 1 }), at(0));
  relays.received(A, encodeRelay({ kind: 'end', token: SETUP.token, reason: 'lost', culprit: A }), at(0));
  const refusal = { kind: 'end', token: SETUP.token, reason: 'no-way', culprit: SELF };
  assert.deepEqual(hooks.sent, [{ to: A, frame: refusal }]);
  assert.deepEqual(hooks.drops, Array(3).fill('relay-no-sleeve'));
});

test('what cannot be read is a counted drop', () => {
  const { hooks, relays } = plane();
  relays.received(A, Uint8Array.of(2), at(0));
  relays.received(A, Uint8Array.of(1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), at(0));
  assert.deepEqual(hooks.drops, ['relay-version', 'relay-type']);
});

test('a neighbour that was launched anew has forgotten its ways: they are ended; a second stream of the same launch changes nothing', () => {
  const { hooks, relays } = plane();
  relays.up(A, LAUNCH, at(0));
  relays.received(A, encodeRelay(SETUP), at(0));
  assert.equal(relays.held?.transits, 1);
  relays.up(A, LAUNCH.slice(), at(1));
  assert.equal(relays.held?.transits, 1);
  relays.up(A, LAUNCH.map((b) => b + 1), at(2)); // prettier-ignore
  assert.equal(relays.held?.transits, 0);
  assert.deepEqual(hooks.sent.at(-1), {
    to: B,
    frame: { kind: 'end', token: SETUP.token, reason: 'lost', culprit: A },
  });
});

test('a neighbour whose connection ended and that comes back launched anew is lost once', () => {
  const { hooks, relays } = plane();
  relays.up(A, LAUNCH, at(0));
  relays.down(A, at(1));
  relays.received(A, encodeRelay(SETUP), at(2));
  relays.up(A, LAUNCH.map((b) => b + 1), at(3)); // prettier-ignore
  assert.equal(relays.held?.transits, 1);
  assert.equal(hooks.told.length, 1);
});

test('of several hops that are as good both ends of a pair take the same, and pairs spread over them', () => {
  const hops = Array.from({ length: 8 }, (_, n) => relayPeer(100 + n));
  const used = new Map<PeerId, number>();
  for (let a = 0; a < 40; a++)
    for (let b = 0; b < a; b++) {
      const hop = spread(relayPeer(a), relayPeer(b), hops)!;
      assert.equal(spread(relayPeer(b), relayPeer(a), [...hops].reverse()), hop);
      const without = hops.filter((h) => h !== hops[0]);
      if (hop !== hops[0]) assert.equal(spread(relayPeer(a), relayPeer(b), without), hop, 'who goes takes none along');
      used.set(hop, (used.get(hop) ?? 0) + 1);
    }
  const counts = hops.map((hop) => used.get(hop) ?? 0);
  assert.ok(Math.min(...counts) > 65 && Math.max(...counts) < 130, `${counts.join(' ')} of 780 pairs`);
  assert.equal(spread(A, B, []), undefined);
});
