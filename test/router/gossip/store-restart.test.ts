import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incarnationOf, RecordStore } from '../../../router/gossip/store.js';
import { peerOf } from '../../support/peers.js';
import { blue, bytes, contents, newStore, pull, red, vectorOf, trusting } from '../../support/stores.js';

const first = (incarnation: number): number => incarnation * 2 ** 32;

test('a restarted router withdraws nothing that it still has, not even for a moment', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put(blue, 'ip/10.0.0.1', bytes(1), 3);
  a.put(blue, 'ip/10.0.0.2', bytes(2), 4);
  a.flush();
  pull(b, a);
  const again = RecordStore.load({ self: peerOf(1), incarnation: 2, signatures: trusting }, a.save());
  assert.ok(again instanceof RecordStore);
  again.put(blue, 'ip/10.0.0.1', bytes(1), 1);
  const [base, ...rest] = again.flush();
  assert.deepEqual(rest, []);
  const got = b.receive(base!);
  assert.ok(got.kind === 'news');
  assert.deepEqual(
    [...got.changes].map((c) => [c.key, c.deleted, c.gone]),
    [['ip/10.0.0.2', true, false]],
  );
  assert.equal(b.get(peerOf(1), blue, 'ip/10.0.0.1')?.seq, 3, 'the claim kept its sequence');
  assert.equal(b.head(peerOf(1), blue), first(2));
});

test('a router restarted without its disk supersedes what others have of it, and empties the topics it left', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'peer', bytes(1));
  a.put(red, 'mac/02:00:00:00:00:01', bytes(1), 1);
  a.flush();
  pull(b, a);
  const again = newStore(1, { incarnation: 2 });
  again.put('core', 'peer', bytes(2));
  assert.ok(again.wants(vectorOf(b)));
  pull(again, b);
  again.flush();
  pull(b, again);
  assert.deepEqual(b.digest(), again.digest());
  assert.deepEqual(contents(b), contents(again));
  assert.deepEqual([...b.records(peerOf(1), red)], []);
});

test('a router restarted twice before it published takes back what it wrote first', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'k', bytes(1));
  a.flush();
  pull(b, a);
  let again = a;
  for (const incarnation of [2, 3]) {
    const loaded = RecordStore.load({ self: peerOf(1), incarnation, signatures: trusting }, again.save());
    assert.ok(loaded instanceof RecordStore);
    again = loaded;
  }
  again.flush();
  pull(b, again);
  assert.deepEqual(contents(b), []);
});

test('a router whose disk is older than the mesh is told, raises, and is heard again', () => {
  const [late, b] = [newStore(1, { incarnation: 5 }), newStore(2)];
  late.put('core', 'peer', bytes(5));
  late.flush();
  pull(b, late);
  const restored = newStore(1, { incarnation: 3 });
  restored.put('core', 'peer', bytes(3));
  for (const x of restored.flush()) assert.equal(b.receive(x).kind, 'known');
  const [mine] = [...b.missingFor(vectorOf(restored))].map((x) => restored.receive(x));
  assert.ok(mine?.kind === 'mine-ahead');
  assert.throws(() => restored.raise(3), RangeError);
  restored.raise(incarnationOf(mine.version) + 1);
  for (const x of restored.flush()) assert.equal(b.receive(x).kind, 'news');
  assert.deepEqual(b.get(peerOf(1), 'core', 'peer')?.value, bytes(3));
  assert.deepEqual(b.digest(), restored.digest());
});

test('what is saved is loaded: records, digest, and blocks to hand on', () => {
  const [a, b, c] = [newStore(1), newStore(2), newStore(3)];
  a.put('core', 'peer', bytes(1));
  a.flush();
  a.put('core', 'x', bytes(1));
  a.flush();
  pull(b, a);
  const loaded = RecordStore.load({ self: peerOf(2), incarnation: 2, signatures: trusting }, b.save());
  assert.ok(loaded instanceof RecordStore);
  assert.deepEqual(loaded.digest(), b.digest());
  assert.deepEqual(contents(loaded), contents(b));
  pull(c, loaded);
  assert.deepEqual(contents(c), contents(a));
});
