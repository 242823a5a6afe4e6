// Ways between routers that share a view, and what becomes of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../../../router/types.js';
import { RelayLab, relayPeer } from '../../support/relay-lab.js';

type Edges = readonly (readonly [number, number])[];
const [A, R1, R2, B] = [0, 1, 2, 3];
const id = relayPeer;
const LINE: Edges = [[A, R1], [R1, R2], [R2, B]]; // prettier-ignore
/** Two relays side by side, and the connection whose overlays fail. */
const DIAMOND: Edges = [[A, R1], [A, R2], [R1, B], [R2, B], [A, B]]; // prettier-ignore
const NOTHING = { transits: 0, labels: 0, seats: 0, peers: 0 };

const relaysOf = (lab: RelayLab, a: number, b: number): readonly PeerId[] | undefined => lab.walk(a, b)?.relays;
const heldBy = (lab: RelayLab): unknown[] => lab.hosts.map((h) => h.relays.held);

/** The diamond with a way from A to B; by which relay is the hash's choice. */
function diamond(): { lab: RelayLab; used: number; other: number } {
  const lab = new RelayLab(4, DIAMOND);
  lab.want(A, B);
  lab.run(10);
  assert.ok(lab.isJoined(A, B));
  const used = relaysOf(lab, A, B)![0] === id(R1) ? R1 : R2;
  return { lab, used, other: used === R1 ? R2 : R1 };
}

test('in a line of four a way stands in both directions, by the same relays, and both ends know how many', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  assert.deepEqual(lab.walk(A, B), { kind: 'arrived', at: id(B), relays: [id(R1), id(R2)] });
  assert.deepEqual(lab.walk(B, A), { kind: 'arrived', at: id(A), relays: [id(R2), id(R1)] });
  assert.deepEqual([lab.hosts[A]!.way.get(id(B))!.relays, lab.hosts[B]!.way.get(id(A))!.relays], [2, 2]);
  assert.equal(lab.log.length, 6);
});

test('nothing is said while nothing is wanted', () => {
  const lab = new RelayLab(4, DIAMOND);
  lab.run(600_000);
  assert.equal(lab.log.length, 0);
});

test('a way goes round the connection that joins its ends', () => {
  const { lab, used } = diamond();
  assert.deepEqual(relaysOf(lab, A, B), [id(used)]);
  assert.deepEqual(relaysOf(lab, B, A), [id(used)]);
});

test('where the only way has eight relays there is none, and where it has seven there is', () => {
  const line = (hosts: number): Edges => Array.from({ length: hosts - 1 }, (_, n) => [n, n + 1] as const);
  const long = new RelayLab(10, line(10));
  long.want(0, 9);
  long.run(60_000);
  assert.equal(long.walk(0, 9), undefined);
  const seven = new RelayLab(9, line(9));
  seven.want(0, 8);
  seven.run(20);
  assert.ok(seven.isJoined(0, 8));
  assert.equal(seven.hosts[8]!.way.get(id(0))!.relays, 7);
});

test('a way is kept by saying it again every half minute, and nothing is told or made anew by that', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  const before = { told: lab.hosts.map((h) => h.told.length), held: heldBy(lab) };
  lab.run(3_600_000);
  assert.ok(lab.isJoined(A, B));
  assert.deepEqual({ told: lab.hosts.map((h) => h.told.length), held: heldBy(lab) }, before);
  const [frames, rounds] = [lab.log.length - 6, 120];
  assert.ok(frames >= 6 * rounds * 0.97 && frames <= 6 * rounds * 1.03, `${frames} frames in an hour`);
});

test('a way that is wanted no longer is ended half a minute later, everywhere, unless it is wanted again before', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  lab.want(A, B, false);
  lab.run(29_000);
  lab.want(A, B);
  lab.run(29_000);
  lab.want(A, B, false);
  lab.run(29_900);
  assert.ok(lab.isJoined(A, B));
  lab.run(200);
  assert.deepEqual(heldBy(lab), Array(4).fill(NOTHING));
  assert.deepEqual(lab.hosts.map((h) => [h.table.rules.size, h.table.ways.size]), Array(4).fill([0, 0])); // prettier-ignore
});

test('who falls silent is forgotten after ninety seconds by all on the way, and the way is asked for anew', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  lab.loses = () => true;
  lab.run(89_000);
  assert.ok(lab.isJoined(A, B));
  lab.run(2_000);
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.seats), [0, 0, 0, 0]); // prettier-ignore
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.labels), [0, 0, 0, 0]); // prettier-ignore
  lab.run(10_000);
  assert.equal(lab.hosts[A]!.way.size, 0);
  lab.loses = () => false;
  lab.run(40_000);
  assert.ok(lab.isJoined(A, B));
});

test('a way whose answers are lost is ended for those who still keep it', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  lab.loses = (frame) => frame.kind === 'ready';
  const { token } = lab.log[0]!.frame;
  lab.run(91_000);
  const ended = lab.log.filter((said) => said.frame.kind === 'end' && said.frame.token === token);
  assert.deepEqual(ended.map(({ from }) => from), [A, R1, R2]); // prettier-ignore
  lab.loses = () => false;
  lab.run(40_000);
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.transits), [0, 1, 1, 0]); // prettier-ignore
});

test('when both ends begin at once both use the way of the lower id, and the other is ended', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(B, A);
  lab.want(A, B);
  lab.run(10);
  assert.ok(lab.isJoined(A, B));
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.transits), [0, 2, 2, 0]); // prettier-ignore
  const [token] = lab.log.filter(({ from }) => from === A).map(({ frame }) => frame.token);
  const last = lab.log.findLast(({ to, frame }) => to === A && frame.kind === 'ready' && frame.token === token)!;
  assert.equal(lab.hosts[A]!.way.get(id(B))!.label, last.frame.kind === 'ready' && last.frame.label);
  lab.run(40_000);
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.transits), [0, 1, 1, 0]); // prettier-ignore
  assert.ok(lab.isJoined(A, B));
  lab.run(600_000);
  assert.ok(lab.isJoined(A, B));
});

test('an end that has a way by the other asks for none, and does when that one is ended', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(1_000);
  const before = lab.log.length;
  lab.want(B, A);
  lab.run(10);
  assert.equal(lab.log.length, before);
  lab.want(A, B, false);
  lab.run(30_100);
  assert.ok(lab.isJoined(A, B));
  const undone = lab.hosts[B]!.told.filter((fx) => fx.kind === 'relayWay' && fx.way === undefined);
  assert.deepEqual(undone, [], 'the sleeve of B goes from one to the other');
});

test('when a relay loses its neighbour the way is ended on both sides and another relay takes over at once', () => {
  const { lab, used, other } = diamond();
  lab.want(B, A);
  lab.cut(used, B);
  lab.run(10);
  assert.ok(lab.isJoined(A, B));
  assert.deepEqual(relaysOf(lab, A, B), [id(other)]);
  assert.deepEqual(lab.hosts[used]!.relays.held, NOTHING);
  const undone = lab.hosts[A]!.told.filter((fx) => fx.kind === 'relayWay' && fx.way === undefined);
  assert.deepEqual(undone, [], 'the sleeve goes from one to the other');
});

test('when the first relay is lost another takes over at once', () => {
  const { lab, used, other } = diamond();
  lab.cut(A, used);
  lab.run(10);
  assert.deepEqual([relaysOf(lab, A, B), relaysOf(lab, B, A)], [[id(other)], [id(other)]]);
});

test('when no other way is there the sleeve is told so, and of a new one as soon as there is a connection', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  lab.cut(R1, R2);
  lab.run(10);
  assert.deepEqual([lab.hosts[A]!.way.size, lab.hosts[B]!.way.size], [0, 0]);
  lab.run(300_000);
  lab.connect(A, R2);
  lab.run(10);
  assert.deepEqual(relaysOf(lab, A, B), [id(R2)]);
});

test('a way that fails is passed over for another, and stays in use until that one is ready', () => {
  const { lab, used, other } = diamond();
  const before = lab.hosts[A]!.way.get(id(B));
  lab.fail(A, B);
  assert.equal(lab.hosts[A]!.way.get(id(B)), before);
  lab.run(10);
  assert.deepEqual([relaysOf(lab, A, B), relaysOf(lab, B, A)], [[id(other)], [id(other)]]);
  assert.deepEqual(lab.hosts[used]!.relays.held, NOTHING);
});

test('the end that did not begin replaces a way that fails as well, and both ends follow', () => {
  const { lab, used, other } = diamond();
  lab.want(B, A);
  lab.fail(B, A);
  lab.run(10);
  assert.deepEqual([relaysOf(lab, A, B), relaysOf(lab, B, A)], [[id(other)], [id(other)]]);
  assert.deepEqual(lab.hosts[used]!.relays.held, NOTHING);
  assert.deepEqual(lab.log.filter(({ from, frame }) => from === A && frame.kind === 'setup').length, 1);
});

test('when both ends find a way to fail at once both come to use the same new one', () => {
  const { lab, other } = diamond();
  lab.want(B, A);
  lab.fail(B, A);
  lab.fail(A, B);
  lab.run(60_000);
  assert.deepEqual([relaysOf(lab, A, B), relaysOf(lab, B, A)], [[id(other)], [id(other)]]);
  assert.equal(lab.hosts[other]!.relays.held.transits, 1);
});

test('a way that fails where there is no other relay is made again by the same, ever more seldom', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.run(10);
  for (let s = 0; s < 120; s++) {
    lab.fail(A, B);
    lab.run(1_000);
    assert.ok(lab.isJoined(A, B));
  }
  const setups = lab.log.filter(({ from, frame }) => from === A && frame.kind === 'setup').length;
  assert.ok(setups >= 5 && setups <= 12, `${setups} setups in two minutes`);
  assert.deepEqual(lab.hosts.map((h) => h.relays.held.transits), [0, 1, 1, 0]); // prettier-ignore
});

test('a relay further on that is refused is passed over by the next try', () => {
  const C = 4;
  const lab = new RelayLab(5, [...LINE, [R1, C], [C, B]]);
  lab.want(A, B);
  lab.run(10);
  const used = relaysOf(lab, A, B)![1] === id(R2) ? R2 : C;
  lab.want(A, B, false);
  lab.run(31_000);
  // Its view says that it has a way, and it has none: B does not know it.
  lab.hosts[used]!.topology.setSelf([id(R1)]);
  lab.want(A, B);
  lab.run(10);
  assert.deepEqual(relaysOf(lab, A, B), [id(R1), id(used === R2 ? C : R2)]);
});

test('a peer that does not know us is asked again later', () => {
  const lab = new RelayLab(4, LINE);
  lab.hosts[B]!.strangers.add(id(A));
  lab.want(A, B);
  lab.run(10);
  assert.equal(lab.walk(A, B), undefined);
  lab.hosts[B]!.strangers.clear();
  lab.run(1_500);
  assert.ok(lab.isJoined(A, B));
});

test('a peer that is gone leaves nothing behind', () => {
  const lab = new RelayLab(4, LINE);
  lab.want(A, B);
  lab.want(B, A);
  lab.run(10);
  for (const [x, y] of [
    [A, B],
    [B, A],
  ] as const) {
    // prettier-ignore
    const fx = lab.hosts[x]!.relays.handle({ kind: 'gone', peer: id(y) }, lab.now);
    for (const one of fx) if (one.kind === 'relayWay') lab.hosts[x]!.table.apply(one);
    assert.deepEqual(lab.hosts[x]!.relays.held, NOTHING);
    assert.equal(lab.hosts[x]!.way.size, 0);
  }
});
