import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerTimes } from '../../../router/swim/answer-times.js';
import type { Millis } from '../../../router/types.js';
import { peerNumber } from '../../support/datagram-network.js';

const [A, B] = [peerNumber(0), peerNumber(1)];
const at = (ms: number): Millis => ms as Millis;

test('who answers what was given up is late by that next time, three seconds at most, and until it is in time', () => {
  const times = new AnswerTimes();
  times.gaveUp(1, { target: A, startedAt: at(1_000) });
  times.gaveUp(2, { target: A, startedAt: at(1_000) });
  times.late(A, 1, at(3_100));
  assert.deepEqual([times.lateMs(A), times.lateMs(B)], [2_100, 0]);
  times.answered(A, 2_300, 800);
  assert.equal(times.lateMs(A), 2_300);
  times.late(A, 2, at(90_000));
  assert.equal(times.lateMs(A), 3_000);
  times.answered(A, 800, 800);
  assert.equal(times.lateMs(A), 0);
});

test('an answer counts once, from the one who was asked, and not after it was forgotten', () => {
  const times = new AnswerTimes();
  times.gaveUp(1, { target: A, startedAt: at(0) });
  times.late(B, 1, at(2_000));
  assert.deepEqual([times.lateMs(A), times.lateMs(B)], [0, 0]);
  times.late(A, 1, at(2_000));
  times.forget(A);
  times.late(A, 1, at(2_000));
  assert.equal(times.lateMs(A), 0);
});

test('of what was given up the latest 256 are remembered', () => {
  const times = new AnswerTimes();
  for (let seq = 0; seq < 300; seq++) times.gaveUp(seq, { target: A, startedAt: at(0) });
  times.late(A, 43, at(2_000));
  assert.equal(times.lateMs(A), 0);
  times.late(A, 44, at(2_000));
  assert.equal(times.lateMs(A), 2_000);
});
