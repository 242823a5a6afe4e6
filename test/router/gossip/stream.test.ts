import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Stream, type Room } from '../../../router/gossip/stream.js';
import type { PeerId } from '../../../router/types.js';
import { decodeBlock, encodeBlock, type BlockRecord } from '../../../router/wire/block.js';

const OWNER = 'ab'.repeat(16) as PeerId;
const ROOM: Room = { records: 1_000, bytes: 1 << 20 };

const KEY = new Uint8Array(32);

/** Some keys twice, within a part and in several: no honest owner does that, but all must make the same of it. */
const anyParts = fc
  .array(
    fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 0, max: 9 })), { maxLength: 4 }),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((parts) => parts.map((records) => records.map(([key, n]) => ({ key, seq: n, value: Uint8Array.of(n) }))));

const encoded = (parts: readonly (readonly BlockRecord[])[]): Uint8Array[] =>
  parts.map((records, part) =>
    encodeBlock({
      kind: 'base',
      owner: OWNER,
      publicKey: KEY,
      topic: 'core',
      version: 7,
      part,
      parts: parts.length,
      records,
    }),
  );

function receive(stream: Stream, bytes: Uint8Array): ReturnType<Stream['apply']> {
  const block = decodeBlock(bytes);
  assert.ok(typeof block !== 'string', `${block as string}`);
  return stream.apply({ block, bytes }, ROOM);
}

test('the parts of a base make the same content in whatever order they come', () => {
  const order = fc.tuple(anyParts, fc.infiniteStream(fc.nat()));
  fc.assert(
    fc.property(order, ([parts, dice]) => {
      const blocks = encoded(parts);
      const [inOrder, shuffled] = [new Stream(OWNER, 'core'), new Stream(OWNER, 'core')];
      for (const block of blocks) receive(inOrder, block);
      for (const pool = [...blocks]; pool.length > 0;)
        receive(shuffled, pool.splice(dice.next().value! % pool.length, 1)[0]!);
      const last = new Map(parts.flat().map((r) => [r.key, r]));
      for (const { chain } of [inOrder, shuffled])
        assert.deepEqual(new Map([...chain.records].map(([key, r]) => [key, { ...r }])), last);
      assert.equal(shuffled.pendingBytes, 0);
    }),
  );
});

test('a base tells what it changes, adds and takes away', () => {
  const stream = new Stream(OWNER, 'core');
  const record = (key: string, n: number): BlockRecord => ({ key, seq: 1, value: Uint8Array.of(n) });
  receive(stream, encoded([[record('a', 1), record('b', 1), record('c', 1)]])[0]!);
  const bytes = encodeBlock({
    kind: 'base',
    owner: OWNER,
    publicKey: KEY,
    topic: 'core',
    version: 8,
    part: 0,
    parts: 1,
    records: [record('b', 1), record('c', 2), record('d', 1)],
  });
  const outcome = receive(stream, bytes);
  assert.equal(outcome.kind, 'applied');
  const changes = outcome.kind === 'applied' ? [...outcome.changes].map((c) => `${c.gone ? '-' : '+'}${c.key}`) : [];
  assert.deepEqual(changes.sort(), ['+c', '+d', '-a']);
});

test('a base that waits counts as what it takes, until it is whole or given up', () => {
  const stream = new Stream(OWNER, 'core');
  const [first, second] = encoded([[{ key: 'a', seq: 1, value: undefined }], []]) as [Uint8Array, Uint8Array];
  receive(stream, first);
  assert.ok(stream.pendingBytes > first.length, 'the decoded record is counted too');
  receive(stream, second);
  assert.equal(stream.pendingBytes, 0);
});
