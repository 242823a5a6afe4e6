import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Probes, type Probe } from '../../../router/swim/probes.js';
import type { Millis } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';

const peers = [1, 2, 3].map(peerOf);
const at = fc.integer({ min: 0, max: 1_000 }).map((ms) => ms as Millis);
const probe: fc.Arbitrary<Probe> = fc.record({
  target: fc.constantFrom(...peers),
  startedAt: at,
  askAt: fc.option(at, { nil: undefined }),
  failedAt: at,
  asked: fc.option(fc.constant({ by: peers[0]!, seq: 1 }), { nil: undefined }),
});
const step = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.option(probe, { nil: undefined }));

test('whatever is begun and ended, the next deadline and whom we probe are those of the probes under way', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [probes, model] = [new Probes(), new Map<number, Probe>()];
      for (const [seq, begun] of steps) {
        if (begun === undefined) {
          probes.delete(seq);
          model.delete(seq);
        } else {
          probes.set(seq, begun);
          model.set(seq, begun);
        }
        const all = [...model.values()];
        assert.equal(probes.nextDeadline, Math.min(...all.map((p) => p.askAt ?? p.failedAt)));
        for (const peer of peers)
          assert.equal(
            probes.isOn(peer),
            all.some((p) => p.target === peer && p.asked === undefined),
          );
        assert.deepEqual(probes.all(), [...model]);
      }
    }),
  );
});
