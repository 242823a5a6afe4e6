// Record stores that talk to each other, and arbitraries for what they say.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Signatures } from '../../router/gossip/signatures.js';
import { RecordStore, type StoreOptions } from '../../router/gossip/store.js';
import type { Ip, Mac, NetworkName, PeerId } from '../../router/types.js';
import { encodeBlock, type Block, type BlockRecord, type Topic } from '../../router/wire/block.js';
import { decodeVector, type Vector } from '../../router/wire/vector.js';
import { peerOf } from './peers.js';

export const blue = 'blue' as NetworkName;
export const red = 'red' as NetworkName;
export const bytes = (...b: number[]): Uint8Array => Uint8Array.from(b);
export const mac = (n: number): Mac => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}` as Mac;
export const ip = (n: number): Ip => `10.0.0.${n}` as Ip;

/** Of peers whose ids are numbers, not hashes: what anybody signs is believed. */
export const trusting: Signatures = {
  publicKey: new Uint8Array(32),
  sign: () => new Uint8Array(64),
  verify: () => true,
};

export const newStore = (n: number, options: Partial<StoreOptions> = {}): RecordStore =>
  new RecordStore({ self: peerOf(n), incarnation: 1, signatures: trusting, ...options });

export function vectorOf(store: RecordStore): Vector {
  const vector = decodeVector(store.vector());
  assert.ok(typeof vector !== 'string');
  return vector;
}

/** One exchange: `to` shows how far it has come and takes what it lacks. */
export function pull(to: RecordStore, from: RecordStore): void {
  for (const block of [...from.missingFor(vectorOf(to))]) to.receive(block);
}

/** Everything a store tells, in an order of its own, comparable by deepEqual. */
export const contents = (store: RecordStore): string[] =>
  [...store.everything()].map((c) => `${c.owner} ${c.topic} ${c.key} ${c.seq} ${c.value?.join() ?? 'deleted'}`).sort();

export const block = (over: Partial<Block> = {}): Uint8Array =>
  encodeBlock({
    kind: 'base',
    owner: peerOf(9),
    topic: 'core',
    version: 1,
    part: 0,
    parts: 1,
    publicKey: trusting.publicKey,
    records: [],
    ...over,
  } as Block);

export const increment = (prev: number, ...records: BlockRecord[]): Uint8Array =>
  encodeBlock({ kind: 'increment', owner: peerOf(9), topic: 'core', prev, version: prev + records.length, records });

export const record = (key: string, seq = 0, ...value: number[]): BlockRecord => ({ key, seq, value: bytes(...value) });

const plain = { noNullPrototype: true };
export const anyPeer: fc.Arbitrary<PeerId> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((b) => Buffer.from(b).toString('hex') as PeerId);
export const anyTopic: fc.Arbitrary<Topic> = fc.oneof(
  fc.constant('core' as const),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/).map((s) => s as NetworkName),
);
export const anyRecord: fc.Arbitrary<BlockRecord> = fc.record(
  {
    key: fc.stringMatching(/^[!-~]{1,128}$/),
    seq: fc.maxSafeNat().map((n) => n % (2 ** 48 + 1)),
    value: fc.option(fc.uint8Array({ maxLength: 1_024 }), { nil: undefined, freq: 4 }),
  },
  plain,
);
const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 20 });
export const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  fc
    .record({ owner: anyPeer, topic: anyTopic, prev: fc.nat().map((n) => n * 2 ** 21), records: anyRecords }, plain)
    .map((b) => ({ ...b, kind: 'increment' as const, version: b.prev + b.records.length })),
  fc
    .record(
      {
        owner: anyPeer,
        topic: anyTopic,
        version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        parts: fc.integer({ min: 1, max: 4_096 }),
        publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        records: anyRecords,
      },
      plain,
    )
    .map((b) => ({ ...b, kind: 'base' as const, part: b.parts - 1 })),
);

/** The bytes, with a few of them changed, cut off or doubled. */
export const mutated = (
  whole: Uint8Array,
  changes: readonly (readonly [kind: number, at: number, to: number])[],
): Uint8Array => {
  let b = Uint8Array.from(whole);
  for (const [kind, at, to] of changes) {
    const i = b.length === 0 ? 0 : at % b.length;
    if (kind === 0) b = b.slice(0, i);
    else if (kind === 1) b = Uint8Array.from([...b.slice(0, i), ...b.slice(i, i + 8), ...b.slice(i)]);
    else b[i] = to;
  }
  return b;
};
export const anyMutations = fc.array(fc.tuple(fc.nat(5), fc.nat(70_000), fc.nat(255)), { minLength: 1, maxLength: 4 });
