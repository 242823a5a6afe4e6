import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeAnswer, encodeProbe } from '../../../bench/chaos/icmp.js';
import { LATE_MS, pairsOf, ProbeLedger } from '../../../bench/chaos/outages.js';
import { rotaOf } from '../../../bench/chaos/rota.js';

/** Probes each pair of three hosts once a second. @param answered which probes were, by number */
function ledgerOf(rounds: number, answered: (k: number) => boolean): ProbeLedger {
  const ledger = new ProbeLedger(3, rounds);
  for (let k = 0; k < rounds * 3; k++) {
    ledger.send(k % 3, Math.floor(k / 3) * 1000);
    if (answered(k)) ledger.answer(k, Math.floor(k / 3) * 1000 + 1);
  }
  return ledger;
}

test('an outage is from the first probe that was lost to the next that was answered', () => {
  const ledger = ledgerOf(6, (k) => !(k % 3 === 1 && (k === 4 || k === 7)));
  assert.deepEqual(ledger.outages(), [{ a: 0, b: 2, fromMs: 1000, toMs: 3000, lost: 2 }]);
  assert.equal(ledger.lost(), 2);
});

test('an outage that does not end lasts to the last probe', () => {
  const ledger = ledgerOf(4, (k) => k < 9);
  assert.equal(ledger.outages().length, 3);
  assert.deepEqual(ledger.outages()[0], { a: 0, b: 1, fromMs: 3000, toMs: 3000, lost: 1 });
  assert.deepEqual(ledger.outages(2000), []);
});

test('an answer that is late is none, and one that comes twice counts once', () => {
  const ledger = new ProbeLedger(2, 4);
  for (let k = 0; k < 3; k++) ledger.send(0, k * 1000);
  ledger.answer(0, 5);
  ledger.answer(0, 4_000);
  ledger.answer(1, 1_000 + LATE_MS + 1);
  ledger.answer(2, 2_000 + LATE_MS);
  ledger.answer(3, 3_000); // was never sent
  assert.deepEqual(ledger.outages(), [{ a: 0, b: 1, fromMs: 1000, toMs: 2000, lost: 1 }]);
  assert.deepEqual([ledger.lost(), ledger.late(), ledger.rtts().length], [1, 1, 2]);
});

test('an outage ends where a pair is no longer probed, and what is lost later is another', () => {
  const ledger = new ProbeLedger(2, 4);
  for (const at of [0, 200, 60_000, 60_200]) ledger.send(0, at);
  ledger.answer(3, 60_201);
  assert.deepEqual(ledger.outages(), [
    { a: 0, b: 1, fromMs: 0, toMs: 200, lost: 2 },
    { a: 0, b: 1, fromMs: 60_000, toMs: 60_200, lost: 1 },
  ]);
});

test('in a small mesh all pairs ping, in a large one each container has a few partners, and all in turn', () => {
  assert.equal(rotaOf(8, 0).length, 28);
  const turns = [0, 1, 2, 3].map((turn) => rotaOf(30, turn));
  assert.deepEqual(turns.flat().sort((a, b) => a - b), pairsOf(30).map((_, pair) => pair)); // prettier-ignore
  for (const turn of turns)
    for (let host = 0; host < 30; host++) {
      const partners = turn.filter((pair) => pairsOf(30)[pair]!.includes(host)).length;
      assert.ok(partners >= 5 && partners <= 10, `${partners} partners`);
    }
});

test('both sides of a pair probe it in turn', () => {
  const ledger = ledgerOf(2, () => true);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((k) => ledger.ends(k).join('')), ['01', '02', '12', '10', '20', '21']); // prettier-ignore
});

test('an ordered pair is silent when one of its probes was lost, or none was sent', () => {
  const all = ledgerOf(4, () => true);
  assert.deepEqual(all.silentBetween(0, 4000), []);
  assert.equal(all.silentBetween(3000, 4000).length, 3); // only one side had its turn
  assert.deepEqual(ledgerOf(4, (k) => k !== 3).silentBetween(0, 4000), [[1, 0]]);
});

test('every lost probe is in one outage, whatever was answered', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 3, maxLength: 60 }), (answers) => {
      const rounds = Math.floor(answers.length / 3);
      const ledger = ledgerOf(rounds, (k) => answers[k]!);
      const lost = answers.slice(0, rounds * 3).filter((answered) => !answered).length;
      assert.equal(ledger.outages().reduce((sum, o) => sum + o.lost, 0), lost); // prettier-ignore
    }),
  );
});

test('a probe has the bytes of an ICMP echo, and its answer tells its number', () => {
  // From `ping -c1`, tcpdump -x: RFC 1071 says that the sum over all of it is zero in ones' complement.
  const probe = encodeProbe(0x01020304);
  assert.equal(probe.toString('hex').slice(0, 4), '0800');
  let sum = 0;
  for (let i = 0; i < probe.length; i += 2) sum += probe.readUInt16BE(i);
  assert.equal((sum & 0xffff) + (sum >>> 16), 0xffff);
  const answer = Buffer.concat([Buffer.from('45', 'hex'), Buffer.alloc(19), probe]);
  assert.equal(decodeAnswer(answer), undefined); // it is the question
  answer[20] = 0;
  assert.equal(decodeAnswer(answer), 0x01020304);
});

test('whatever comes in, decoding it returns', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const number = decodeAnswer(Buffer.from(bytes));
      assert.ok(number === undefined || Number.isInteger(number));
    }),
  );
});
