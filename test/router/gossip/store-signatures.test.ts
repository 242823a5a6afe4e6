import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordStore, type Received } from '../../../router/gossip/store.js';
import type { PeerId } from '../../../router/types.js';
import { encodeBlock, type BlockRecord } from '../../../router/wire/block.js';
import { newIdentity, type TestIdentity } from '../../support/identity.js';
import { bytes, contents, record, vectorOf } from '../../support/stores.js';

const [owner, forger, reader] = [newIdentity(), newIdentity(), newIdentity()];

/** @param verified is told of each block that is verified */
const storeOf = ({ id: self, signatures }: TestIdentity, verified = (): void => undefined): RecordStore =>
  new RecordStore({
    self,
    incarnation: 1,
    signatures: { ...signatures, verify: (...args) => (verified(), signatures.verify(...args)) },
  });

/** A store that has written `x`, and its blocks: the base, and an increment that says `x` is 2. */
function written(by: TestIdentity): { readonly store: RecordStore; readonly blocks: readonly Uint8Array[] } {
  const store = storeOf(by);
  store.put('core', 'x', bytes(1));
  const [base] = store.flush();
  store.put('core', 'x', bytes(2));
  return { store, blocks: [base!, ...store.flush()] };
}

/** In the owner's name, by whoever has these signatures. */
const forgedBase = (of: PeerId, by: TestIdentity, publicKey: Uint8Array, records: BlockRecord[]): Uint8Array =>
  encodeBlock(
    { kind: 'base', owner: of, topic: 'core', version: 2 ** 40, part: 0, parts: 1, publicKey, records },
    by.signatures.sign,
  );

const isForged = (got: Received): boolean => got.kind === 'dropped' && got.reason === 'signature';

test('what its owner signed is taken from whoever brings it', () => {
  const { store, blocks } = written(owner);
  const b = storeOf(reader);
  assert.deepEqual(blocks.map((x) => b.receive(x).kind), ['news', 'news']); // prettier-ignore
  assert.deepEqual(contents(b), contents(store));
  assert.deepEqual([...b.missingFor([])], blocks);
});

test('a base in another’s name is refused, with the owner’s key in it, the forger’s, or none that is anybody’s', () => {
  const b = storeOf(reader);
  for (const key of [owner.signatures.publicKey, forger.signatures.publicKey, new Uint8Array(32)])
    assert.ok(isForged(b.receive(forgedBase(owner.id, forger, key, [record('x', 0, 9)]))));
  assert.deepEqual(b.owners(), []);
});

test('an increment in another’s name is refused, also one that would have to wait', () => {
  const b = storeOf(reader);
  const { store, blocks } = written(owner);
  b.receive(blocks[0]!);
  const head = b.head(owner.id, 'core');
  for (const prev of [head, head + 5]) {
    const increment = { kind: 'increment', owner: owner.id, topic: 'core', prev, version: prev + 1 } as const;
    assert.ok(isForged(b.receive(encodeBlock({ ...increment, records: [record('x', 0, 9)] }, forger.signatures.sign))));
  }
  assert.equal(b.stats().heldBlocks, 0);
  b.receive(blocks[1]!);
  assert.deepEqual(contents(b), contents(store));
});

test('any change of a block is refused or says nothing new', () => {
  const { blocks } = written(owner);
  fc.assert(
    fc.property(fc.constantFrom(...blocks), fc.nat(), fc.integer({ min: 1, max: 255 }), (block, at, flip) => {
      const b = storeOf(reader);
      if (block !== blocks[0]) b.receive(blocks[0]!);
      const before = contents(b);
      const changed = block.slice();
      changed[at % changed.length]! ^= flip;
      assert.notEqual(b.receive(changed).kind, 'news');
      assert.deepEqual(contents(b), before);
    }),
    { numRuns: 300 },
  );
});

test('an increment whose owner’s key is not known waits nowhere, and is asked for with the base', () => {
  const { store, blocks } = written(owner);
  const b = storeOf(reader);
  assert.deepEqual(b.receive(blocks[1]!), { kind: 'gap', owner: owner.id, topic: 'core', have: 0, partial: false });
  assert.equal(b.stats().heldBlocks, 0);
  for (const block of [...store.missingFor(vectorOf(b))]) b.receive(block);
  assert.deepEqual(contents(b), contents(store));
});

test('each block is verified once, however often it comes, also while it waits', () => {
  let count = 0;
  const b = storeOf(reader, () => void count++);
  const writer = storeOf(owner);
  for (let i = 0; i < 200; i++) writer.put('core', `k${i}`, new Uint8Array(1_000));
  const parts = [...writer.flush()];
  writer.put('core', 'x', bytes(1));
  writer.flush();
  writer.put('core', 'x', bytes(2));
  const blocks = [...parts, ...writer.flush()]; // the last has to wait: the one before is not there
  for (let i = 0; i < 3; i++) for (const block of blocks) b.receive(block);
  assert.equal(count, blocks.length);
});

test('a version of ours that we never wrote counts only with our own signature', () => {
  const { blocks } = written(owner);
  const again = storeOf(owner);
  const { publicKey } = owner.signatures;
  assert.ok(isForged(again.receive(forgedBase(owner.id, forger, publicKey, []))));
  assert.equal(again.receive(blocks[0]!).kind, 'mine-ahead');
  assert.equal(again.receive(blocks[1]!).kind, 'mine-ahead');
});

test('what came from the disk can be handed on, and what follows it is verified', () => {
  const { store, blocks } = written(owner);
  const b = storeOf(reader);
  blocks.forEach((x) => b.receive(x));
  const loaded = RecordStore.load({ self: reader.id, incarnation: 2, signatures: reader.signatures }, b.save());
  assert.ok(loaded instanceof RecordStore);
  store.put('core', 'x', bytes(3));
  const [next] = store.flush();
  const forged = next!.slice();
  forged[forged.length - 1]! ^= 1;
  assert.ok(isForged(loaded.receive(forged)));
  assert.equal(loaded.receive(next!).kind, 'news');
  assert.deepEqual([...loaded.missingFor([])], [...blocks, next]);
});
