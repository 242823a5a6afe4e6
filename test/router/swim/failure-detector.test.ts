import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FailureDetector, type DetectorEffect, type DetectorEvent } from '../../../router/swim/failure-detector.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import type { SwimClaim } from '../../../router/wire/swim.js';
import { peerNumber } from '../../support/datagram-network.js';
import { seededRandom } from '../../support/virtual-time.js';

const SELF = peerNumber(0);
const [B, C, D] = [peerNumber(1), peerNumber(2), peerNumber(3)];
const { suspicionMinMs, suspicionMaxFactor, pingTimeoutMs, probeTimeoutMs } = DEFAULT_TIMING;

/** A detector, its clock, and what it did. Its own claims come back to it, as from the table. */
class Bench {
  readonly detector = new FailureDetector({ self: SELF, timing: DEFAULT_TIMING, random: seededRandom(1) });
  readonly done: DetectorEffect[] = [];
  now = 0;

  handle(ev: DetectorEvent): void {
    for (const fx of this.detector.handle(ev, this.now as Millis)) {
      this.done.push(fx);
      if (fx.kind === 'claim') this.handle({ kind: 'member', peer: fx.claim.peer, claim: fx.claim });
    }
  }

  member(claim: SwimClaim): void {
    this.handle({ kind: 'member', peer: claim.peer, claim });
  }

  /** Runs to `at`; `answers` says who acknowledges. */
  runTo(at: number, answers: (to: string) => boolean = () => false): void {
    for (let due = this.detector.nextDeadline(); due !== undefined && due <= at; due = this.detector.nextDeadline()) {
      this.now = due;
      const from = this.done.length;
      this.handle({ kind: 'tick' });
      for (const fx of this.done.slice(from))
        if (fx.kind === 'ping' && answers(fx.to)) this.handle({ kind: 'ack', from: fx.to, seq: fx.seq });
    }
    this.now = at;
  }

  verdicts(): string[] {
    return this.done.flatMap((fx) => (fx.kind === 'claim' ? [`${fx.claim.status} ${fx.claim.peer.slice(-1)}`] : []));
  }

  of<K extends DetectorEffect['kind']>(kind: K): Extract<DetectorEffect, { kind: K }>[] {
    return this.done.filter((fx): fx is Extract<DetectorEffect, { kind: K }> => fx.kind === kind);
  }
}

const alive = (peer = B, incarnation = 1): SwimClaim => ({ peer, status: 'alive', incarnation });
const suspectedBy = (accuser: typeof B, peer = B): SwimClaim => ({ peer, status: 'suspect', incarnation: 1, accuser });

/** B suspected at 0 by C, in a mesh of ten. */
function suspectedBench(): Bench {
  const bench = new Bench();
  for (let n = 1; n < 10; n++) bench.member(alive(peerNumber(n)));
  bench.handle({ kind: 'tick' });
  bench.member(suspectedBy(C));
  return bench;
}
const othersAnswer = (to: string): boolean => to !== B;

test('a member that answers is never accused', () => {
  const bench = new Bench();
  bench.member(alive());
  bench.handle({ kind: 'tick' });
  bench.runTo(60_000, () => true);
  assert.ok(bench.of('ping').length >= 118, 'one probe per interval');
  assert.deepEqual(bench.verdicts(), []);
});

test('every member is probed in each round, also one that joins during it', () => {
  const bench = new Bench();
  for (let n = 1; n < 8; n++) bench.member(alive(peerNumber(n)));
  bench.handle({ kind: 'tick' });
  bench.runTo(1000, () => true);
  bench.member(alive(peerNumber(8)));
  bench.runTo(20_000, () => true);
  const pings = bench.of('ping').map((fx) => fx.to);
  for (let i = 8; i + 32 < pings.length; i++) assert.equal(new Set(pings.slice(i, i + 32)).size, 8);
});

test('one who does not answer is tried again and through others, then suspect, then faulty', () => {
  const bench = new Bench();
  for (const peer of [B, C, D]) bench.member(alive(peer));
  bench.handle({ kind: 'tick' });
  bench.runTo(20_000, othersAnswer);
  assert.deepEqual(bench.verdicts(), ['suspect 2', 'faulty 2']);
  assert.ok(bench.of('pingReq').every((fx) => fx.target === B && fx.to !== B));
  const tells = bench.of('ping').filter((fx) => fx.to === B && fx.tell?.status === 'suspect');
  assert.ok(tells.length > 0, 'the suspect was not told');
});

test('who is faulty, left or forgotten is not asked to help', () => {
  const bench = new Bench();
  for (let n = 1; n < 5; n++) bench.member(alive(peerNumber(n)));
  bench.handle({ kind: 'tick' });
  bench.member({ peer: C, status: 'faulty', incarnation: 1 });
  bench.member({ peer: D, status: 'left', incarnation: 1 });
  bench.handle({ kind: 'member', peer: peerNumber(4), claim: undefined });
  bench.member(alive(peerNumber(5)));
  bench.runTo(5_000, othersAnswer);
  assert.deepEqual(new Set(bench.of('pingReq').map((fx) => fx.to)), new Set([peerNumber(5)]));
});

test('a wait that is over because we cease to doubt ourselves is over, and we are not late', () => {
  const bench = new Bench();
  bench.member(alive(B));
  bench.member(alive(C));
  bench.handle({ kind: 'tick' });
  bench.handle({ kind: 'refuted' });
  bench.handle({ kind: 'member', peer: B, claim: suspectedBy(SELF) });
  bench.runTo(suspicionMinMs * suspicionMaxFactor + 1_500);
  assert.ok(!bench.verdicts().includes('faulty 2'), 'it doubts itself');
  const probe = bench.of('ping').findLast((fx) => fx.to === C)!;
  bench.handle({ kind: 'ack', from: C, seq: probe.seq });
  bench.runTo(bench.now + 1 + pingTimeoutMs); // it still asks others
  assert.ok(bench.verdicts().includes('faulty 2'), bench.verdicts().join());
});

test('a suspicion that begins when we wake is not put off by how long we slept', () => {
  const bench = new Bench();
  bench.member(alive(B));
  bench.member(alive(C));
  bench.handle({ kind: 'tick' });
  bench.now += 3_600_000;
  bench.member(suspectedBy(C));
  bench.handle({ kind: 'tick' });
  bench.runTo(bench.now + 10 * suspicionMinMs * suspicionMaxFactor);
  assert.ok(bench.verdicts().includes('faulty 2'), bench.verdicts().join());
});

test('who answered late is waited for as long the next time, until it answers in time', () => {
  const bench = new Bench();
  for (const peer of [B, C]) bench.member(alive(peer));
  bench.handle({ kind: 'tick' });
  const nextPing = (): { readonly seq: number; readonly at: number } => {
    const pings = (): number => bench.of('ping').filter((fx) => fx.to === B).length;
    for (const before = pings(); pings() === before;) bench.runTo(bench.now + 1, othersAnswer);
    return { seq: bench.of('ping').findLast((fx) => fx.to === B)!.seq, at: bench.now };
  };
  const accusations = (): number => bench.verdicts().filter((verdict) => verdict === 'suspect 2').length;
  const first = nextPing();
  bench.runTo(first.at + 2_000, othersAnswer);
  assert.equal(accusations(), 1);
  bench.member(alive(B, 2));
  bench.handle({ kind: 'ack', from: B, seq: first.seq });
  const second = nextPing();
  bench.runTo(second.at + 2_000, othersAnswer);
  bench.handle({ kind: 'ack', from: B, seq: second.seq });
  assert.equal(accusations(), 1, 'it is used to that');
  bench.handle({ kind: 'ack', from: B, seq: nextPing().seq });
  const last = nextPing();
  bench.runTo(last.at + probeTimeoutMs, othersAnswer);
  assert.equal(accusations(), 2, 'no longer');
});

test('an answer through a helper counts, from a stranger to the probe it does not', () => {
  for (const [from, early, accused] of [
    [C, false, false],
    [C, true, true],
  ] as const) {
    const bench = new Bench();
    for (const peer of [B, C]) bench.member(alive(peer));
    bench.handle({ kind: 'tick' });
    bench.runTo(2000, () => true);
    const pings = (): number => bench.of('ping').filter((fx) => fx.to === B).length;
    for (const before = pings(); pings() === before;) bench.runTo(bench.now + 1, othersAnswer);
    const { seq } = bench.of('ping').findLast((fx) => fx.to === B)!;
    bench.runTo(bench.now + (early ? pingTimeoutMs - 1 : pingTimeoutMs), othersAnswer);
    bench.handle({ kind: 'ack', from, seq });
    bench.runTo(bench.now + probeTimeoutMs - pingTimeoutMs + 1, othersAnswer);
    assert.deepEqual(bench.verdicts(), accused ? ['suspect 2'] : []);
  }
});

test('a suspect nobody else accuses is faulty at the long deadline and not before', () => {
  const bench = suspectedBench();
  bench.handle({ kind: 'ping', from: B, seq: 1 }); // else we would become its second accuser
  const deadline = suspicionMinMs * suspicionMaxFactor;
  bench.runTo(deadline - 1, othersAnswer);
  assert.deepEqual(bench.verdicts(), []);
  bench.runTo(deadline, othersAnswer);
  assert.deepEqual(bench.verdicts(), ['faulty 2']);
});

test('with two more accusers a suspect is faulty at the short deadline and not before', () => {
  const bench = suspectedBench();
  for (const accuser of [D, D, peerNumber(4), peerNumber(5)])
    bench.handle({ kind: 'heard', claim: suspectedBy(accuser) });
  assert.equal(bench.of('spread').length, 2, 'each accuser that counts is passed on once');
  bench.runTo(suspicionMinMs - 1, othersAnswer);
  assert.deepEqual(bench.verdicts(), []);
  bench.runTo(suspicionMinMs, othersAnswer);
  assert.deepEqual(bench.verdicts(), ['faulty 2']);
});

test('a suspect that others have buried is faulty at the short deadline', () => {
  const bench = suspectedBench();
  bench.handle({ kind: 'heard', claim: { peer: B, status: 'faulty', incarnation: 1 } });
  bench.runTo(suspicionMinMs, othersAnswer);
  assert.deepEqual(bench.verdicts(), ['faulty 2']);
});

const asked = (bench: Bench): string[] =>
  bench.of('ping').flatMap((fx) => (fx.to !== B && fx.tell?.peer === B ? [fx.to] : []));

test('before a burial five others are asked, in time for their answer', () => {
  const bench = suspectedBench();
  bench.handle({ kind: 'ping', from: B, seq: 1 });
  const deadline = suspicionMinMs * suspicionMaxFactor;
  bench.runTo(deadline - pingTimeoutMs - 1, othersAnswer);
  assert.deepEqual(asked(bench), []);
  bench.runTo(deadline - pingTimeoutMs, othersAnswer);
  assert.equal(new Set(asked(bench)).size, 5);
  bench.member(alive(B, 2)); // one of them knew better
  bench.runTo(60_000, () => true);
  assert.deepEqual(bench.verdicts(), []);
  assert.equal(asked(bench).length, 5, 'asked once');
});

test('before half of a mesh is buried some hundred questions are asked, not five for each', () => {
  const bench = new Bench();
  for (let n = 1; n <= 400; n++) bench.member(alive(peerNumber(n)));
  bench.handle({ kind: 'tick' });
  const lost = Array.from({ length: 200 }, (_, i) => peerNumber(2 * i + 1));
  for (const peer of lost) bench.member(suspectedBy(C, peer));
  bench.runTo(suspicionMinMs * suspicionMaxFactor * 2, (to) => !lost.some((peer) => peer === to));
  const questions = bench.of('ping').filter((fx) => fx.tell !== undefined && fx.tell.peer !== fx.to).length;
  assert.ok(questions >= 50 && questions <= 200, `${questions}`);
  assert.equal(bench.verdicts().filter((verdict) => verdict.startsWith('faulty')).length, lost.length);
});

test('nobody is buried before others could answer, however late accusers come', () => {
  const bench = suspectedBench();
  bench.runTo(suspicionMinMs - 100, othersAnswer);
  for (const accuser of [D, peerNumber(4)]) bench.handle({ kind: 'heard', claim: suspectedBy(accuser) });
  bench.handle({ kind: 'tick' });
  assert.equal(asked(bench).length, 5);
  bench.runTo(bench.now + pingTimeoutMs - 1, othersAnswer);
  assert.deepEqual(bench.verdicts(), []);
  bench.runTo(bench.now + 1, othersAnswer);
  assert.deepEqual(bench.verdicts(), ['faulty 2']);
});

test('a router that is always late believes others who have given up a suspect', () => {
  const verdicts = (isCondemned: boolean): string[] => {
    const bench = suspectedBench();
    if (isCondemned) bench.handle({ kind: 'heard', claim: { peer: B, status: 'faulty', incarnation: 1 } });
    for (let i = 0; i < 20; i++) {
      bench.now += 2_000; // each tick is as late as that
      bench.handle({ kind: 'tick' });
      for (const fx of bench.of('ping'))
        if (othersAnswer(fx.to)) bench.handle({ kind: 'ack', from: fx.to, seq: fx.seq });
    }
    return bench.verdicts();
  };
  assert.ok(verdicts(true).includes('faulty 2'), verdicts(true).join());
  assert.ok(!verdicts(false).includes('faulty 2'), 'by itself it cannot tell');
});

test('who has heard from a suspect is not talked into burying it early', () => {
  const bench = suspectedBench();
  bench.handle({ kind: 'ping', from: B, seq: 9 });
  for (const accuser of [D, peerNumber(4)]) bench.handle({ kind: 'heard', claim: suspectedBy(accuser) });
  bench.runTo(suspicionMinMs * suspicionMaxFactor - 1, othersAnswer);
  assert.deepEqual(bench.verdicts(), []);
});

test('a refutation ends the suspicion and the probes it led to', () => {
  const bench = suspectedBench();
  bench.runTo(100, othersAnswer);
  bench.member(alive(B, 2));
  bench.runTo(60_000, () => true);
  assert.deepEqual(bench.verdicts(), []);
});

test('a living member that others call faulty is asked and told, not buried', () => {
  const bench = new Bench();
  for (const peer of [B, C]) bench.member(alive(peer));
  const claim: SwimClaim = { peer: B, status: 'faulty', incarnation: 1 };
  bench.handle({ kind: 'heard', claim });
  assert.deepEqual(bench.done, [{ kind: 'ping', to: B, seq: 0, tell: claim }]);
  bench.handle({ kind: 'heard', claim });
  assert.equal(bench.done.length, 1, 'once');
  bench.handle({ kind: 'heard', claim: { ...claim, peer: C, incarnation: 0 } });
  assert.equal(bench.done.length, 1, 'an old claim is no reason');
});

test('a probe for another is answered under its number, and its failure accuses nobody', () => {
  const bench = new Bench();
  bench.member(alive(B));
  bench.handle({ kind: 'pingReq', from: C, seq: 77, target: B });
  const { seq } = bench.of('ping')[0]!;
  bench.handle({ kind: 'ack', from: D, seq });
  assert.deepEqual(bench.of('ack'), [], 'only the target can answer');
  bench.handle({ kind: 'ack', from: B, seq });
  assert.deepEqual(bench.of('ack'), [{ kind: 'ack', to: C, seq: 77 }]);
  bench.handle({ kind: 'pingReq', from: C, seq: 78, target: B });
  bench.runTo(60_000, () => true);
  assert.deepEqual(bench.verdicts(), []);
});

test('a late timer means that we stood still: what is under way gets its time again', () => {
  const bench = new Bench();
  for (const peer of [B, C, D]) bench.member(alive(peer));
  bench.handle({ kind: 'tick' });
  bench.runTo(2000, othersAnswer); // B is being probed, or suspect
  bench.member(suspectedBy(D, C));
  bench.now += 30_000;
  bench.handle({ kind: 'tick' });
  assert.ok(!bench.verdicts().some((verdict) => verdict.startsWith('faulty')));
  bench.runTo(bench.now + 200); // what waited in the socket arrives only now
  for (const fx of bench.of('ping')) bench.handle({ kind: 'ack', from: fx.to, seq: fx.seq });
  for (const peer of [B, C]) bench.member(alive(peer, 2));
  bench.runTo(bench.now + 60_000, () => true);
  assert.ok(!bench.verdicts().some((verdict) => verdict.startsWith('faulty')));
});

test('a tick that comes early or twice does nothing', () => {
  const bench = suspectedBench();
  bench.runTo(500, othersAnswer);
  const before = bench.done.length;
  bench.now = (bench.detector.nextDeadline() ?? 0) - 1;
  bench.handle({ kind: 'tick' });
  bench.handle({ kind: 'tick' });
  assert.equal(bench.done.length, before);
});

test('a flood of ping-requests is bounded, and forgotten', () => {
  const bench = new Bench();
  bench.member(alive(B));
  for (let seq = 0; seq < 5000; seq++) bench.handle({ kind: 'pingReq', from: C, seq, target: B });
  assert.equal(bench.of('ping').length, 1024);
  bench.runTo(probeTimeoutMs);
  bench.handle({ kind: 'pingReq', from: C, seq: 1, target: D });
  assert.equal(bench.of('ping').at(-1)?.to, D);
});

test('after any events only members are judged, and time always moves on', () => {
  const peer = fc.nat(4).map(peerNumber);
  const claim = fc.oneof(
    fc.record({
      peer,
      status: fc.constantFrom('alive' as const, 'faulty' as const, 'left' as const),
      incarnation: fc.nat(3),
    }),
    fc.record({ peer, status: fc.constant('suspect' as const), incarnation: fc.nat(3), accuser: peer }),
  );
  const event: fc.Arbitrary<DetectorEvent> = fc.oneof(
    fc.constant({ kind: 'tick' as const }),
    claim.map((c) => ({ kind: 'member' as const, peer: c.peer, claim: c })),
    fc.record({ kind: fc.constant('heard' as const), claim }),
    fc.record({ kind: fc.constantFrom('ping' as const, 'ack' as const), from: peer, seq: fc.nat(20) }),
    fc.record({ kind: fc.constant('pingReq' as const), from: peer, seq: fc.nat(20), target: peer }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(900)), { maxLength: 60 }), (events) => {
      const bench = new Bench();
      const members = new Set<string>();
      for (const [ev, waitMs] of events) {
        bench.runTo(bench.now + waitMs);
        if (ev.kind === 'member')
          if (ev.claim?.status === 'alive' || ev.claim?.status === 'suspect') members.add(ev.peer);
        bench.handle(ev);
        bench.handle({ kind: 'tick' });
        assert.ok((bench.detector.nextDeadline() ?? Infinity) > bench.now);
      }
      for (const fx of bench.of('claim')) assert.ok(members.has(fx.claim.peer));
    }),
  );
});
