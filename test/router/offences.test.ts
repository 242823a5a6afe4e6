import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Offences } from '../../router/offences.js';
import type { Millis } from '../../router/types.js';
import { peerOf } from '../support/peers.js';

const at = (ms: number): Millis => ms as Millis;
const forged = (by: number, about = 9) => ({ kind: 'forged', by: peerOf(by), about: peerOf(about) }) as const;

test('an offence is counted by who did it, and shown until ten minutes after the last', () => {
  const offences = new Offences();
  offences.note(forged(1, 8), at(0));
  offences.note(forged(2), at(5));
  offences.note(forged(1, 9), at(10));
  assert.deepEqual(
    offences.shown(at(10)).map(({ by, about, count }) => [by, about, count]),
    [
      [peerOf(1), peerOf(9), 2],
      [peerOf(2), peerOf(9), 1],
    ],
  );
  assert.deepEqual(offences.shown(at(600_006)).map(({ by }) => by), [peerOf(1)]); // prettier-ignore
  assert.deepEqual(offences.shown(at(600_010)), []);
});

test('who is gone is not named any more, and the number of names is bounded', () => {
  const offences = new Offences();
  for (let n = 1; n <= 1_000; n++) offences.note(forged(n), at(n));
  assert.equal(offences.shown(at(1_000)).length, 256);
  offences.forget(peerOf(1_000));
  assert.equal(offences.shown(at(1_000))[0]!.by, peerOf(999));
});
