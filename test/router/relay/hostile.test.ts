// What a neighbour says that it ought not to: no state comes of it, and each is a counted drop or a refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Relays } from '../../../router/relay/relays.js';
import type { HopSearch, RelaysFx } from '../../../router/relay/shared.js';
import type { Millis, PeerId } from '../../../router/types.js';
import {
  relayToken,
  type End,
  type Ready,
  type RelayFrame,
  type RelayToken,
  type Setup,
} from '../../../router/wire/relay.js';
import { RelayTable, relayPeer } from '../../support/relay-lab.js';
import { seededEntropy } from '../../support/session-pair.js';

const [SELF, A, P, N, B, C] = [0, 1, 2, 3, 4, 5].map(relayPeer) as [PeerId, PeerId, PeerId, PeerId, PeerId, PeerId];
const NOTHING = { transits: 0, labels: 0, seats: 0, peers: 0 };
const token = (n: number): RelayToken => relayToken(Uint8Array.of(0, 0, 0, 0, n >>> 24, n >>> 16, n >>> 8, n));
const at = (ms: number): Millis => ms as Millis;

/** One router; its next hop is always N, or whom a test says. */
class Router {
  readonly table = new RelayTable();
  readonly drops: string[] = [];
  readonly searches: HopSearch[] = [];
  hop: PeerId | undefined = N;
  /** If there are some, the first that is not to be passed over is the hop. */
  hops: readonly PeerId[] = [];
  now = 0;
  readonly relays = new Relays({
    self: SELF,
    random: () => 0.5,
    entropy: seededEntropy('hostile'),
    hop: (_, search) => {
      this.searches.push(search);
      return this.hops.length === 0 ? this.hop : this.hops.find((hop) => !search.passOver.has(hop));
    },
    knows: (peer) => peer !== C,
  });

  /** @returns what it says, and to whom */
  hear(from: PeerId, frame: RelayFrame): readonly (RelayFrame & { readonly to: PeerId })[] {
    return this.#take(this.relays.handle({ kind: 'frame', from, frame }, at(this.now)));
  }

  want(peer: PeerId): readonly (RelayFrame & { readonly to: PeerId })[] {
    return this.#take(this.relays.handle({ kind: 'wanted', peer, wanted: true }, at(this.now)));
  }

  tick(now: number): readonly (RelayFrame & { readonly to: PeerId })[] {
    this.now = now;
    return this.#take(this.relays.handle({ kind: 'tick' }, at(now)));
  }

  #take(list: readonly RelaysFx[]): readonly (RelayFrame & { readonly to: PeerId })[] {
    return list.flatMap((fx) => {
      if (fx.kind === 'drop') this.drops.push(fx.reason);
      else if (fx.kind !== 'say') this.table.apply(fx);
      return fx.kind === 'say' ? [{ ...fx.frame, to: fx.to }] : [];
    });
  }
}

const setup = (more: Partial<Setup> = {}): Setup => ({
  kind: 'setup',
  token: token(1),
  label: 77,
  destination: B,
  path: [A, P],
  avoid: [],
  ...more,
});
const ready = (more: Partial<Ready> = {}): Ready => ({ kind: 'ready', token: token(1), label: 0, relays: 0, ...more });
const end = (more: Partial<End> = {}): End => ({ kind: 'end', token: token(1), reason: 'lost', culprit: N, ...more });
const path = (length: number): PeerId[] => [...Array.from({ length: length - 1 }, (_, n) => relayPeer(100 + n)), P];

/** A router through which a way goes from A, by P, to N. */
function relaying(): Router {
  const r = new Router();
  r.hear(P, setup());
  r.hear(N, ready());
  assert.equal(r.table.rules.size, 2);
  return r;
}

test('a setup that does not end with who sent it, or that has been here, makes nothing', () => {
  const r = new Router();
  assert.deepEqual(r.hear(N, setup()), []);
  assert.deepEqual(r.hear(P, setup({ path: [A, SELF, P] })), []);
  assert.deepEqual(r.hear(P, setup({ path: [SELF, P] })), []);
  assert.deepEqual(r.drops, ['relay-path', 'relay-path', 'relay-path']);
  assert.deepEqual([r.relays.held, r.table.rules.size], [NOTHING, 0]);
});

test('a setup that has passed seven relays goes no further, and one of six may pass none but the destination', () => {
  const r = new Router();
  const [refusal] = r.hear(P, setup({ path: path(8) }));
  assert.deepEqual([refusal!.kind, refusal!.to, r.searches.length], ['end', P, 0]);
  assert.deepEqual(r.relays.held, NOTHING);
  const [passed] = r.hear(P, setup({ path: path(7) }));
  assert.deepEqual([passed!.kind, passed!.to, r.searches[0]!.maxRelays], ['setup', N, 0]);
  assert.deepEqual(r.hear(P, setup({ path: path(8) })).map((f) => f.kind), ['end'], 'when it is repeated, too'); // prettier-ignore
});

test('a relay with no hop refuses in its own name and holds nothing', () => {
  const r = new Router();
  r.hop = undefined;
  assert.deepEqual(r.hear(P, setup()), [{ ...end({ reason: 'no-way', culprit: SELF }), to: P }]);
  assert.deepEqual(r.relays.held, NOTHING);
});

test('who has been passed and who is to be avoided is no hop', () => {
  const r = new Router();
  r.hear(P, setup({ avoid: [C] }));
  assert.deepEqual([...r.searches[0]!.passOver].sort(), [A, P, C].sort());
  assert.equal(r.searches[0]!.canBeLast, true);
});

test('frames for a way from a neighbour that is not on it, or for a way that is not, change nothing', () => {
  const r = relaying();
  const before = [r.relays.held, [...r.table.rules]];
  for (const [from, frame] of [
    [C, setup({ path: [A, C] })],
    [P, setup({ destination: C })],
    [P, setup({ destination: SELF })],
    [P, ready()],
    [C, ready({ label: 5 })],
    [C, end()],
    [N, end({ token: token(2) })],
  ] as const)
    // prettier-ignore
    assert.deepEqual(r.hear(from, frame), [], JSON.stringify([from, frame]));
  assert.deepEqual(r.drops, Array(7).fill('relay-token'));
  assert.deepEqual([r.relays.held, [...r.table.rules]], before);
});

test('who says that a way is ready that is not is told to end it, and nothing else comes of it', () => {
  const r = relaying();
  const before = [r.relays.held, [...r.table.rules]];
  const answer = { ...end({ token: token(2), reason: 'unwanted', culprit: undefined }), to: N };
  assert.deepEqual(r.hear(N, ready({ token: token(2) })), [answer]);
  assert.deepEqual(r.drops, ['relay-token']);
  assert.deepEqual([r.relays.held, [...r.table.rules]], before);
});

test('a setup that comes after its end leaves nothing behind, and does not take the place of the way that stands', () => {
  const r = new Router();
  r.hear(P, setup({ destination: SELF, label: 1 }));
  r.hear(P, end({ token: token(2), reason: 'unwanted', culprit: undefined })); // it overtook the setup
  r.hear(P, setup({ destination: SELF, token: token(2), label: 2 }));
  r.hear(P, end({ token: token(2), reason: 'unwanted', culprit: undefined })); // for our ready
  assert.deepEqual(r.table.ways.get(A), { via: P, label: 1, relays: 1 });
  assert.equal(r.relays.held.seats, 1);
});

test('a ready that says more relays than may be is dropped', () => {
  const r = new Router();
  r.hear(P, setup());
  assert.deepEqual(r.hear(N, ready({ label: 9, relays: 7 })), []);
  assert.deepEqual([r.drops, r.table.rules.size], [['relay-relays'], 1]);
});

test('a neighbour that calls a way otherwise now, because it runs anew, is followed', () => {
  const r = relaying();
  const [passed] = r.hear(P, setup({ label: 78 }));
  const [answered] = r.hear(N, ready({ label: 79, relays: 1 }));
  assert.deepEqual(
    [...r.table.rules.values()],
    [
      { from: N, to: P, toLabel: 78 },
      { from: P, to: N, toLabel: 79 },
    ],
  );
  assert.ok(passed?.kind === 'setup' && answered?.kind === 'ready');
  assert.deepEqual([...r.table.rules.keys()], [passed.label, answered.label]);
  assert.equal(answered.relays, 2);
});

test('a flood of setups is held to a rate, and no other neighbour with it', () => {
  const r = new Router();
  for (let n = 0; n < 10_000; n++) {
    r.now = n / 10;
    r.hear(P, setup({ token: token(n) }));
  }
  assert.ok(r.relays.held.transits >= 512 + 62 && r.relays.held.transits <= 512 + 64, String(r.relays.held.transits));
  assert.ok(r.drops.length > 9_400 && r.drops.every((reason) => reason === 'relay-rate'));
  assert.equal(r.hear(C, setup({ token: token(77_777), path: [A, C] })).length, 1);
  r.relays.handle({ kind: 'lost', neighbour: P }, at(r.now));
  assert.equal(r.hear(P, setup({ token: token(77_778) })).length, 1, 'a connection begins with what all begin with');
});

test('one neighbour holds 4,096 ways of ours at most, and gives back what it no longer keeps up', () => {
  const r = new Router();
  let refused = 0;
  for (let n = 0; n < 5_000; n++) {
    r.now += 16;
    refused += Number(r.hear(P, setup({ token: token(n) }))[0]!.kind === 'end');
  }
  assert.deepEqual([refused, r.relays.held.seats, r.relays.held.labels], [904, 4_096, 4_096]);
  r.tick(r.now + 90_000);
  assert.deepEqual([r.relays.held, r.table.rules.size], [NOTHING, 0]);
});

test('sixteen thousand ways are held in all, whoever asks', () => {
  const r = new Router();
  for (let p = 0; p < 40; p++)
    for (let n = 0; n < 500; n++) {
      const from = relayPeer(1_000 + p);
      r.hear(from, setup({ token: token(p * 500 + n), path: [A, from] }));
    }
  assert.equal(r.relays.held.seats, 16_384);
});

test('a destination makes no way of a setup that passed no relay, or that has no label, or of whom it never heard', () => {
  const r = new Router();
  assert.deepEqual(r.hear(A, setup({ destination: SELF, path: [A] })), []);
  assert.deepEqual(r.hear(P, setup({ destination: SELF, label: 0 })), []);
  assert.deepEqual(r.drops, ['relay-path', 'relay-path']);
  const stranger = r.hear(P, setup({ destination: SELF, path: [C, P] }));
  assert.deepEqual(stranger, [{ ...end({ reason: 'stranger', culprit: SELF }), to: P }]);
  assert.deepEqual([r.relays.held, r.table.ways.size], [NOTHING, 0]);
});

test('of what a peer sets up the newest two ways are kept, and the newest counts', () => {
  const r = new Router();
  for (const n of [1, 2, 3, 2]) r.hear(P, setup({ token: token(n), destination: SELF, label: n }));
  assert.deepEqual(r.table.ways.get(A), { via: P, label: 3, relays: 1 });
  assert.deepEqual(r.relays.held, { transits: 0, labels: 0, seats: 2, peers: 1 });
  const ended = r.hear(N, setup({ token: token(4), destination: SELF, label: 4, path: [A, N] }));
  assert.deepEqual(ended.map((f) => [f.kind, f.token, f.to]), [['ready', token(4), N], ['end', token(2), P]]); // prettier-ignore
});

test('a way to us goes on through the neighbour that it came by, whoever claims it', () => {
  const r = new Router();
  r.hear(P, setup({ destination: SELF }));
  for (const [from, frame] of [
    [N, setup({ destination: SELF, path: [A, N] })],
    [P, setup({ destination: SELF, path: [B, P] })],
    [P, setup({ destination: B })],
    [N, end()],
    [P, ready({ label: 5, relays: 1 })],
  ] as const)
    // prettier-ignore
    assert.deepEqual(r.hear(from, frame), []);
  assert.deepEqual(r.drops, Array(5).fill('relay-token'));
  assert.deepEqual(r.table.ways.get(A), { via: P, label: 77, relays: 1 });
});

test('an answer to a setup of ours counts from the relay that it went to, with a label and a number of relays that can be', () => {
  const r = new Router();
  const [asked] = r.want(B);
  const { token: ours } = asked!;
  for (const [from, answer] of [
    [P, { label: 5, relays: 1 }],
    [N, { label: 0, relays: 1 }],
    [N, { label: 5, relays: 0 }],
  ] as const)
    // prettier-ignore
    assert.deepEqual(r.hear(from, ready({ token: ours, ...answer })), []);
  assert.deepEqual(r.hear(P, end({ token: ours })), []);
  assert.deepEqual(r.hear(P, setup({ token: ours })), [], 'nor is it a way for others');
  assert.deepEqual(r.drops, ['relay-token', 'relay-label', 'relay-label', 'relay-token', 'relay-token']);
  assert.equal(r.table.ways.size, 0);
  r.hear(N, ready({ token: ours, label: 5, relays: 1 }));
  assert.deepEqual(r.table.ways.get(B), { via: N, label: 5, relays: 1 });
});

test('a ready for a way that the peer set up does not move ours, which goes by the same relay', () => {
  const r = new Router();
  const [asked] = r.want(B);
  r.hear(N, ready({ token: asked!.token, label: 5, relays: 1 }));
  r.hear(N, setup({ destination: SELF, path: [B, N] }));
  assert.deepEqual(r.hear(N, ready({ label: 6, relays: 2 })), []);
  assert.deepEqual(r.drops, ['relay-token']);
  assert.deepEqual(r.table.ways.get(B), { via: N, label: 5, relays: 1 });
});

test('a relay that refuses, or does not answer, is named to the next; ten that refuse cost eight setups, then one in a while', () => {
  const r = new Router();
  let [asked] = r.want(B);
  for (let n = 0; n < 7; n++) [asked] = r.hear(N, end({ token: asked!.token, culprit: relayPeer(50 + n) }));
  assert.ok(asked?.kind === 'setup');
  assert.deepEqual(
    asked.avoid,
    Array.from({ length: 7 }, (_, n) => relayPeer(50 + n)),
  );
  assert.deepEqual(r.hear(N, end({ token: asked.token, culprit: relayPeer(60) })), []);
  assert.equal(r.table.ways.size, 0);
  assert.deepEqual(r.tick(900), []);
  const [later] = r.tick(2_000);
  assert.ok(later?.kind === 'setup' && later.avoid.length === 8 && later.avoid[7] === relayPeer(60));
  const [over, again] = r.tick(5_000);
  assert.deepEqual([over!.kind, over!.token, over!.to], ['end', later.token, N]);
  assert.ok(again?.kind === 'setup' && again.avoid[7] === N && again.avoid[0] === relayPeer(51), 'of nine the first is forgotten'); // prettier-ignore
});

test('a peer that refuses itself is not avoided, and is asked again later', () => {
  const r = new Router();
  const [asked] = r.want(B);
  assert.deepEqual(r.hear(N, end({ token: asked!.token, culprit: B })), []);
  const [again] = r.tick(1_100);
  assert.ok(again?.kind === 'setup' && again.avoid.length === 0);
});

test('who is passed over is not after half a minute, and at once when there is nobody else after a while', () => {
  const r = new Router();
  const passedOver = (): readonly PeerId[] => [...r.searches.at(-1)!.passOver];
  const [asked] = r.want(B);
  r.hop = undefined;
  r.hear(N, end({ token: asked!.token, culprit: N }));
  assert.deepEqual(passedOver(), [N]);
  r.tick(1_100);
  assert.deepEqual(passedOver(), [], 'who failed is better than nobody');
  const late = new Router();
  const [other] = late.want(B);
  late.hear(N, ready({ token: other!.token, label: 5, relays: 1 }));
  late.relays.handle({ kind: 'failed', peer: B, via: P }, at(0));
  late.now = 31_000;
  late.relays.handle({ kind: 'failed', peer: B, via: N }, at(31_000));
  assert.deepEqual([...late.searches.at(-1)!.passOver], [N]);
});

test('a relay that does not answer is passed over after a second, the next after two, and never after more than eight', () => {
  const r = new Router();
  const waits: number[] = [];
  r.want(B);
  for (let [now, since] = [0, 0]; waits.length < 5; now += 100) {
    const said = r.tick(now);
    if (said.some((f) => f.kind === 'end')) waits.push(now - since);
    if (said.some((f) => f.kind === 'setup')) since = now;
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 8_000]);
});

test('when all relays have refused, all are asked again after a while', () => {
  const r = new Router();
  r.hops = [N, P, A];
  const askedInTurn = (first: readonly (RelayFrame & { readonly to: PeerId })[]): readonly PeerId[] => {
    const asked: PeerId[] = [];
    for (let [next] = first; next !== undefined; [next] = r.hear(next.to, end({ token: next.token, culprit: next.to })))
      asked.push(next.to);
    return asked;
  };
  assert.deepEqual(askedInTurn(r.want(B)), [N, P, A]);
  assert.deepEqual(r.tick(900), []);
  assert.deepEqual(askedInTurn(r.tick(1_100)), [N, P, A]);
});

test('when the connection over which a way was asked for ends, another is asked', () => {
  const r = new Router();
  r.want(B);
  r.hop = P;
  const fx = r.relays.handle({ kind: 'lost', neighbour: N }, at(0));
  assert.deepEqual(fx.map((one) => one.kind === 'say' && [one.to, one.frame.kind]), [[P, 'setup']]); // prettier-ignore
});
