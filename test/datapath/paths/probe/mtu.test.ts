import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { passesAtLeast, passesAtMost } from '../../../../datapath/paths/probe/path-state.js';
import { peerOf } from '../../../support/peers.js';
import { ProbeWorld } from './world.js';

const [A, B] = [peerOf(1), peerOf(2)];
const pair = (seed = 1): ProbeWorld => new ProbeWorld([A, B], 1376, seed);

/** Both sides see traffic at two looks in a row. */
test('the MTU of a narrow path is found to the byte, and found anew when it changed', () => {
  const w = pair();
  w.mtu = 1350;
  w.run(10_000);
  assert.equal(w.path(A, B).mtu, 1350);
  w.mtu = 1000;
  w.run(620_000);
  assert.equal(w.path(A, B).mtu, 1000);
  w.mtu = 1450;
  w.run(620_000);
  assert.equal(w.path(A, B).mtu, 1376);
});

test('a path that dies at any moment of a search is down, not narrow', () => {
  for (let phase = 100; phase < 4_000; phase += 100) {
    const w = pair();
    w.mtu = 700;
    w.run(phase);
    w.loses = () => true;
    for (let i = 0; i < 80; i++) {
      w.run(100);
      assert.ok([undefined, 700].includes(w.path(A, B).mtu), `${w.path(A, B).mtu} after death at ${phase} ms`);
    }
    assert.equal(w.path(A, B).kind, 'down');
    w.loses = () => false;
    w.run(15_000);
    assert.equal(w.path(A, B).mtu, 700);
  }
});

test('two lost packets of a size do not make a path narrow, three do', () => {
  for (const [lost, mtu] of [
    [2, 1376],
    [3, 1375],
  ]) {
    const w = pair();
    let left = lost!;
    w.loses = (a, _b, frameBytes) => a === A && frameBytes === 1390 && left-- > 0;
    w.run(10_000);
    assert.equal(w.path(A, B).mtu, mtu);
  }
});

test('a larger network is searched for at once', () => {
  const w = pair();
  w.mtu = 8950;
  w.run(1_000);
  w.tell(A, { kind: 'ceiling', bytes: 8876 });
  w.run(100);
  assert.equal(w.path(A, B).mtu, 8876);
});

test('with traffic a path that narrows is known to be narrow within two seconds, how narrow within six', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 600, max: 1_375 }), fc.nat(3_000), (seed, mtu, ms) => {
      const w = pair(seed);
      w.run(2_000);
      const talk = (forMs: number): void => {
        for (let spent = 0; spent < forMs; spent += 500) {
          w.converse();
          w.run(500);
        }
      };
      talk(5_000 + ms);
      assert.equal(passesAtMost(w.path(A, B)), 1376);
      w.mtu = mtu;
      talk(2_000);
      assert.ok(passesAtMost(w.path(A, B))! < 1376, 'that whole packets do not pass');
      assert.ok(passesAtLeast(w.path(A, B))! <= mtu, 'and nothing is believed to pass that does not');
      talk(4_000);
      assert.equal(w.path(A, B).mtu, mtu);
      assert.equal(w.path(A, B).kind, 'up');
      w.mtu = 1376;
      talk(70_000);
      assert.equal(w.path(A, B).mtu, 1376);
    }),
    { numRuns: 20 },
  );
});

test('a tenth lost does not make a busy path narrow for more than some seconds', () => {
  const w = pair(7);
  w.run(2_000);
  w.loses = () => w.chance() < 0.1;
  let narrow = 0;
  for (let s = 0; s < 3_600; s++) {
    w.converse();
    w.run(1_000);
    if (passesAtMost(w.path(A, B))! < 1376) narrow++;
  }
  assert.ok(narrow < 360, `${narrow} of 3,600 s`);
});
