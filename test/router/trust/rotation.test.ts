import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNewer } from '../../../router/trust/secrets.js';
import { RETIRE_AFTER_MS, RETIRE_WITHIN_MS } from '../../../router/trust/limits.js';
import { encodeRotation } from '../../../router/wire/rotation.js';
import { RotationLab, secretOf, type LabPeer } from '../../support/rotation-lab.js';

const rotate = (lab: RotationLab, by: LabPeer, n: number): void => {
  const { text, root } = secretOf(n);
  by.core.request({ kind: 'rotate', text, root }, lab.now);
};
const held = ({ core }: LabPeer): readonly string[] => core.secrets!.held.map(({ text }) => text);

/** One of the things that may happen; `a` and `b` choose what it happens to. */
type Happening = readonly [kind: number, a: number, b: number];

function happen(lab: RotationLab, [kind, a, b]: Happening, secrets: () => number): void {
  const members = lab.peers.filter((p) => p.isMember);
  const member = members[a % members.length]!;
  if (kind < 12) lab.deliver(a);
  else if (kind === 12 && member.runs) rotate(lab, member, secrets());
  else if (kind === 13) lab.crash(member);
  else if (kind === 14) lab.launch(member);
  else if (kind === 15) lab.split((p) => ((a >> lab.peers.indexOf(p)) & 1) === 1);
  else if (kind === 16) lab.heal();
  else if (kind === 17) lab.gossip();
  else if (kind === 18) lab.meet();
  else lab.pass(b);
}

const happenings = (kinds: fc.Arbitrary<number>): fc.Arbitrary<readonly Happening[]> =>
  fc.array(fc.tuple(kinds, fc.nat(255), fc.nat(5_000)), { minLength: 5, maxLength: 80 });

/** Of those that have a stream, by whatever way, all are to end with one secret. */
function assertOneSecretEach(lab: RotationLab): void {
  for (const p of lab.peers.filter((q) => q.isMember))
    for (const q of lab.neighbours(p)) assert.equal(p.newest, q.newest);
}

test('whatever is lost, cut, restarted and ordered at once: in the end all who meet have one secret, and accept no other', () => {
  fc.assert(
    fc.property(happenings(fc.nat(20)), (all) => {
      const lab = new RotationLab(5, 1);
      const stranger = lab.peers.at(-1)!;
      let n = 0;
      for (const happening of all) {
        happen(lab, happening, () => ++n);
        assert.equal(stranger.newest, 'secret-0', 'who was no member was told');
      }
      lab.heal();
      for (const p of lab.peers) lab.launch(p);
      lab.settle(20, 1_000);
      lab.settle(3, RETIRE_WITHIN_MS);
      assertOneSecretEach(lab);
      for (const p of lab.peers) assert.equal(held(p).length, 1);
      assert.equal(stranger.newest, 'secret-0');
      for (const q of lab.neighbours(stranger))
        assert.equal(q.newest, 'secret-0', 'it is cut off from whoever has another');
    }),
    { numRuns: 300 },
  );
});

test('where nobody is away the newest of all that were ordered is everybody`s', () => {
  fc.assert(
    fc.property(happenings(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 12, 17, 18)), (all) => {
      const lab = new RotationLab(5);
      let n = 0;
      for (const happening of all) happen(lab, happening, () => ++n);
      const [newest] = lab.peers.map(({ core }) => core.secrets!.held[0]!).sort((a, b) => (isNewer(a, b) ? -1 : 1));
      lab.settle(20, 1_000);
      for (const p of lab.peers) assert.deepEqual(held(p), [newest!.text]);
      for (const p of lab.peers) assert.deepEqual([lab.neighbours(p).length, p.cut.length], [4, 0]);
    }),
    { numRuns: 200 },
  );
});

test('what is begun is under the old secret until all have the new one, and both are accepted meanwhile', () => {
  const lab = new RotationLab(3);
  const [a] = lab.peers as [LabPeer];
  rotate(lab, a, 1);
  assert.deepEqual([a.core.trust.keys.id, a.core.trust.alsoAccepted.length], [secretOf(0).keys.id, 1]);
  while (lab.deliver(0));
  assert.equal(a.core.trust.keys.id, secretOf(0).keys.id, 'nobody has said so yet');
  lab.gossip();
  for (const p of lab.peers) assert.equal(p.core.trust.keys.id, secretOf(1).keys.id);
  lab.pass(RETIRE_AFTER_MS - 1);
  for (const p of lab.peers) assert.equal(p.core.trust.alsoAccepted.length, 1);
  lab.pass(1);
  for (const p of lab.peers) assert.deepEqual([held(p), p.core.trust.former], [['secret-1'], [secretOf(0).keys.id]]);
});

test('one that says it has the secret and cannot show it is cut off, and holds nobody up for longer than ten minutes', () => {
  const lab = new RotationLab(3);
  const [a, b, liar] = lab.peers as [LabPeer, LabPeer, LabPeer];
  rotate(lab, a, 1);
  liar.core.received = () => undefined; // it takes nothing in
  while (lab.deliver(0));
  liar.says.set(liar.id, secretOf(1).keys.id);
  lab.gossip();
  lab.pass(RETIRE_AFTER_MS);
  assert.deepEqual([a.cut, b.cut], [[liar.id], [liar.id]]);
});

test('one that does not take it is waited for ten minutes, and cut off', () => {
  const lab = new RotationLab(2);
  const [a, deaf] = lab.peers as [LabPeer, LabPeer];
  rotate(lab, a, 1);
  deaf.core.received = () => undefined;
  while (lab.deliver(0));
  lab.gossip();
  lab.pass(RETIRE_WITHIN_MS - 1);
  assert.deepEqual([held(a), a.cut], [['secret-1', 'secret-0'], []]);
  assert.equal(a.core.trust.keys.id, secretOf(0).keys.id, 'it is spoken to under what it has');
  lab.pass(1);
  assert.deepEqual([held(a), a.cut], [['secret-1'], [deaf.id]]);
});

test('an order that is changed on the way, or written in the name of another, is not taken', () => {
  const lab = new RotationLab(2);
  const [a, b] = lab.peers as [LabPeer, LabPeer];
  rotate(lab, a, 1);
  const order = a.core.secrets!.held[0]!.order!;
  const tell = (told: Uint8Array): string | undefined =>
    b.core.received(a.id, encodeRotation({ kind: 'tell', order: told }), lab.now);
  assert.equal(tell(order), 'rotation-unasked');
  const askAgain = (): void => {
    lab.drop(a, b);
    lab.meet();
    lab.deliver(0); // what a has
  };
  for (let at = 0; at < order.length; at++) {
    askAgain();
    assert.match(
      tell(order.map((byte, i) => (i === at ? byte ^ 1 : byte))) ?? '',
      /^rotation-(?!unasked)/,
      `byte ${at}`,
    );
  }
  assert.deepEqual(held(b), ['secret-0']);
  askAgain();
  assert.equal(tell(order), undefined);
  assert.deepEqual(held(b), ['secret-1', 'secret-0']);
});

test('a number far ahead is not believed, and no bytes make it throw', () => {
  const lab = new RotationLab(2);
  const [a, b] = lab.peers as [LabPeer, LabPeer];
  const have = { kind: 'have', keyId: secretOf(1).keys.id, proof: new Uint8Array(32) } as const;
  const say = (number: number): string | undefined =>
    a.core.received(b.id, encodeRotation({ ...have, number }), lab.now);
  assert.equal(say(2 ** 20 + 1), 'rotation-ahead');
  assert.equal(say(2 ** 20), undefined);
  fc.assert(
    fc.property(fc.nat(4), fc.uint8Array({ maxLength: 300 }), (kind, bytes) => {
      a.core.received(b.id, Uint8Array.of(kind, ...bytes), lab.now);
      assert.deepEqual(held(a), ['secret-0']);
    }),
  );
});

test('who took an order and crashed goes on from its disk, and hands it on when its author is gone', () => {
  const lab = new RotationLab(3);
  const [a, b, c] = lab.peers as [LabPeer, LabPeer, LabPeer];
  lab.drop(a, c);
  rotate(lab, a, 1);
  lab.drop(b, c);
  while (lab.deliver(0));
  lab.crash(a);
  lab.crash(b);
  lab.launch(b);
  assert.deepEqual([held(b), held(c)], [['secret-1', 'secret-0'], ['secret-0']]);
  lab.settle(5, 1_000);
  assert.deepEqual([held(b), held(c)], [['secret-1'], ['secret-1']]);
});

test('whoever takes an order has those out whom it names before it tells anybody', () => {
  const lab = new RotationLab(4);
  const [a, b, c, out] = lab.peers as [LabPeer, LabPeer, LabPeer, LabPeer];
  lab.evict(a, out.id);
  rotate(lab, a, 1);
  lab.settle(5, 1_000);
  assert.deepEqual([a, b, c, out].map(held), [['secret-1'], ['secret-1'], ['secret-1'], ['secret-0']]);
  assert.deepEqual([b, c].map((p) => p.evicted.has(out.id)), [true, true]); // prettier-ignore
});

test('the order of one who is evicted does not stand above that of who evicted it', () => {
  const lab = new RotationLab(3);
  const [a, b, out] = lab.peers as [LabPeer, LabPeer, LabPeer];
  lab.drop(a, b);
  lab.drop(a, out);
  rotate(lab, out, 1);
  rotate(lab, out, 2); // its number is above what the other knows
  while (lab.deliver(0));
  assert.equal(b.newest, 'secret-2');
  lab.evict(a, out.id);
  rotate(lab, a, 3);
  lab.settle(8, 1_000);
  assert.deepEqual([a, b].map(held), [['secret-3'], ['secret-3']]);
});

test('an order is sent once on a stream, and to nobody who was no member or has shown that it has it', () => {
  const lab = new RotationLab(3, 1);
  const [a, b, stranger] = lab.peers as [LabPeer, LabPeer, LabPeer];
  rotate(lab, a, 1);
  const want = (p: LabPeer): string | undefined =>
    a.core.received(p.id, encodeRotation({ kind: 'want', keyId: secretOf(1).keys.id }), lab.now);
  assert.deepEqual([want(b), want(b), want(stranger)], [undefined, 'rotation-again', 'rotation-stranger']);
});

test('who comes with the old secret, and is no member, neither enters nor orders while the secret changes', () => {
  const lab = new RotationLab(4, 1);
  const [a, b, c, outsider] = lab.peers as [LabPeer, LabPeer, LabPeer, LabPeer];
  for (const p of [a, b, c]) lab.drop(p, outsider);
  rotate(lab, a, 1);
  while (lab.deliver(0));
  for (let n = 2; n < 5; n++) rotate(lab, outsider, n);
  lab.meet();
  for (const p of [a, b, c]) assert.ok(!lab.neighbours(p).includes(outsider));
  lab.settle(8, 1_000);
  assert.deepEqual([a, b, c].map(held), [['secret-1'], ['secret-1'], ['secret-1']]);
});

test('the order of one who entered before the first was heard of is refused, and ordered over', () => {
  const lab = new RotationLab(4, 1);
  const [a, b, c, outsider] = lab.peers as [LabPeer, LabPeer, LabPeer, LabPeer];
  for (const p of [a, b]) lab.drop(p, outsider);
  rotate(lab, a, 1);
  for (let n = 2; n < 5; n++) rotate(lab, outsider, n);
  lab.settle(8, 1_000);
  assert.deepEqual([a, b, c].map(held), [['secret-1'], ['secret-1'], ['secret-1']]);
  assert.ok(!lab.neighbours(c).includes(outsider));
  assert.notEqual(outsider.newest, 'secret-1');
});

test('a stream that was begun under a secret which is retired by then is of no use', () => {
  const lab = new RotationLab(2);
  const [a, b] = lab.peers as [LabPeer, LabPeer];
  rotate(lab, a, 1);
  lab.settle(8, 1_000);
  const stale = { hash: new Uint8Array(64), keyId: secretOf(0).keys.id, outbound: false };
  lab.sealed = () => stale;
  assert.equal(a.core.turnsAway(b.id, true, lab.now), 'rotating');
  lab.sealed = () => ({ ...stale, keyId: secretOf(1).keys.id });
  assert.equal(a.core.turnsAway(b.id, true, lab.now), undefined);
});
