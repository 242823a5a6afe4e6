// Whatever happens to blocks on their way, routers that have exchanged hold the same; and an address that moved stays moved.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog } from '../../../router/backlog.js';
import type { RecordChange } from '../../../router/gossip/chain.js';
import { Claims } from '../../../router/gossip/claims.js';
import { RecordStore } from '../../../router/gossip/store.js';
import type { Topic } from '../../../router/wire/block.js';
import { sameBytes } from '../../../router/wire/bytes.js';
import { ipKey } from '../../../router/wire/records.js';
import { peerOf } from '../../support/peers.js';
import {
  anyBlock,
  anyMutations,
  blue,
  bytes,
  contents,
  ip,
  mutated,
  newStore,
  pull,
  trusting,
} from '../../support/stores.js';
import { encodeBlock } from '../../../router/wire/block.js';

type Act =
  | { readonly kind: 'put'; readonly who: number; readonly topic: Topic; readonly key: number; readonly value: number }
  | { readonly kind: 'withdraw'; readonly who: number; readonly topic: Topic; readonly key: number }
  | { readonly kind: 'flush' | 'restart' | 'raise' | 'fill'; readonly who: number };

const plain = { noNullPrototype: true };
const who = fc.nat(2);
const topic = fc.constantFrom<Topic>('core', blue);
const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    arbitrary: fc.record({ kind: fc.constant('put' as const), who, topic, key: fc.nat(5), value: fc.nat(3) }, plain),
    weight: 6,
  },
  { arbitrary: fc.record({ kind: fc.constant('withdraw' as const), who, topic, key: fc.nat(5) }, plain), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('flush' as const), who }, plain), weight: 6 },
  {
    arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'raise' as const, 'fill' as const), who }, plain),
    weight: 1,
  },
);

/** Three writers act; every block they ever cut. `fill` makes a base of several parts. */
function history(acts: readonly Act[]): {
  readonly writers: readonly RecordStore[];
  readonly blocks: readonly Uint8Array[];
} {
  const incarnations = [1, 1, 1];
  const writers = [newStore(0), newStore(1), newStore(2)];
  const blocks: Uint8Array[] = [];
  for (const act of acts) {
    const writer = writers[act.who]!;
    if (act.kind === 'put') writer.put(act.topic, `k${act.key}`, bytes(act.value), act.key);
    else if (act.kind === 'withdraw') writer.put(act.topic, `k${act.key}`, undefined);
    else if (act.kind === 'flush') blocks.push(...writer.flush());
    else if (act.kind === 'fill')
      for (let i = 0; i < 150; i++) writer.put('core', `f${i}`, new Uint8Array(1_000).fill(incarnations[act.who]!));
    else if (act.kind === 'raise') writer.raise(++incarnations[act.who]!);
    else {
      const next = RecordStore.load(
        { self: peerOf(act.who), incarnation: ++incarnations[act.who]!, signatures: trusting },
        writer.save(),
      );
      assert.ok(next instanceof RecordStore);
      writers[act.who] = next;
    }
  }
  for (const writer of writers) blocks.push(...writer.flush());
  return { writers, blocks };
}

/** Some of the blocks, any number of times, in any order. */
const anyDelivery = fc.array(fc.nat(), { maxLength: 200 });
const deliver = (to: RecordStore, blocks: readonly Uint8Array[], delivery: readonly number[]): void => {
  if (blocks.length > 0) for (const n of delivery) to.receive(blocks[n % blocks.length]!);
};

test('blocks lost, reordered and doubled: after one exchange all hold the same records and the same digest', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 60 }), anyDelivery, anyDelivery, (acts, one, other) => {
      const { writers, blocks } = history(acts);
      const [a, b] = [newStore(8), newStore(9)];
      deliver(a, blocks, one);
      deliver(b, blocks, other);
      for (const writer of writers) for (const reader of [a, b]) pull(reader, writer);
      assert.deepEqual(contents(a), contents(b));
      assert.deepEqual(a.digest(), b.digest());
      assert.deepEqual(contents(a), writers.flatMap(contents).sort());
      assert.equal(a.stats().heldBlocks + b.stats().heldBlocks, 0);
    }),
    { numRuns: 200 },
  );
});

/** Both ways, as often as it brings something: one may lack the block that the other's held ones wait for, in turns. */
function exchange(a: RecordStore, b: RecordStore, atMost: number): void {
  pull(a, b);
  for (let i = 0; i < atMost && !sameBytes(a.digest(), b.digest()); i++) {
    pull(b, a);
    pull(a, b);
  }
}

test('readers repair one another without the writers: what each lacked, both have', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 60 }), anyDelivery, anyDelivery, (acts, one, other) => {
      const { blocks } = history(acts);
      const [a, b] = [newStore(8), newStore(9)];
      deliver(a, blocks, one);
      deliver(b, blocks, other);
      exchange(a, b, blocks.length);
      assert.deepEqual(a.digest(), b.digest());
      assert.deepEqual(contents(a), contents(b));
    }),
    { numRuns: 200 },
  );
});

test('equal heads are equal records: the digest does not lie', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 60 }), anyDelivery, anyDelivery, (acts, one, other) => {
      const { blocks } = history(acts);
      const [a, b] = [newStore(8), newStore(9)];
      deliver(a, blocks, one);
      deliver(b, blocks, other);
      if (Buffer.compare(a.digest(), b.digest()) === 0) assert.deepEqual(contents(a), contents(b));
    }),
    { numRuns: 200 },
  );
});

test('the changes told add up to the records, whenever they are read', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 60 }), anyDelivery, fc.boolean(), (acts, delivery, isLate) => {
      const { blocks } = history(acts);
      const a = newStore(8);
      const told = new Map<string, string>();
      const backlog = new Backlog();
      const hear = (c: RecordChange): void => {
        const at = `${c.owner} ${c.topic} ${c.key}`;
        if (c.gone) told.delete(at);
        else told.set(at, `${at} ${c.seq} ${c.value?.join() ?? 'deleted'}`);
      };
      const catchUp = (): void => {
        for (let change = backlog.next(); change !== undefined; change = backlog.next()) hear(change);
        assert.deepEqual([...told.values()].sort(), contents(a));
      };
      if (blocks.length === 0) return;
      for (const n of delivery) {
        const got = a.receive(blocks[n % blocks.length]!);
        if (got.kind === 'news') backlog.push(got.changes);
        if (!isLate) catchUp();
      }
      catchUp();
    }),
    { numRuns: 200 },
  );
});

test('a store that was saved and loaded goes on as the one that was not', () => {
  fc.assert(
    fc.property(fc.array(anyAct, { maxLength: 60 }), anyDelivery, anyDelivery, (acts, before, after) => {
      const { writers, blocks } = history(acts);
      const a = newStore(8);
      deliver(a, blocks, before);
      const b = RecordStore.load({ self: peerOf(8), incarnation: 1, signatures: trusting }, a.save());
      assert.ok(b instanceof RecordStore);
      assert.deepEqual(contents(b), contents(a));
      assert.deepEqual(b.digest(), a.digest());
      for (const store of [a, b]) deliver(store, blocks, after);
      for (const store of [a, b]) for (const writer of writers) pull(store, writer);
      assert.deepEqual(contents(b), contents(a));
    }),
    { numRuns: 100 },
  );
});

test('any bytes are received without a throw, and cost nothing that is not counted', () => {
  const limits = {
    streams: 50,
    streamsPerOwner: 5,
    recordsPerOwner: 100,
    records: 500,
    bytes: 100_000,
    pendingBytes: 50_000,
  };
  const store = newStore(1, { limits });
  const check = (b: Uint8Array): void => {
    store.receive(b);
    const s = store.stats();
    assert.ok(s.streams <= 50 && s.records <= 500 && s.bytes <= 100_000 && s.pendingBytes <= 50_000, JSON.stringify(s));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { numRuns: 1_000 });
  fc.assert(
    fc.property(anyBlock, anyMutations, (b, m) => check(mutated(encodeBlock(b), m))),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(anyBlock, (b) => check(encodeBlock(b))),
    { numRuns: 1_000 },
  );
});

const key = ipKey(ip(1));

/** The address goes from peer to peer; each new owner claims over what it sees, the old one withdraws. */
function moves(path: readonly number[]): {
  readonly owners: readonly RecordStore[];
  readonly blocks: readonly Uint8Array[];
} {
  const owners = [newStore(0), newStore(1), newStore(2)];
  const blocks: Uint8Array[] = [];
  let seq = 0;
  for (const [step, to] of path.entries()) {
    const from = step === 0 ? undefined : path[step - 1];
    owners[to]!.put(blue, key, bytes(step), ++seq);
    blocks.push(...owners[to]!.flush());
    if (from === undefined || from === to) continue;
    owners[from]!.put(blue, key, undefined);
    blocks.push(...owners[from]!.flush());
  }
  return { owners, blocks };
}

test('moves of an address, lost, reordered and doubled, never bring an old owner back', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), anyDelivery, (path, delivery) => {
      const { owners, blocks } = moves(path);
      const [store, claims] = [newStore(9), new Claims()];
      let highest = 0;
      const hear = (block: Uint8Array): void => {
        const got = store.receive(block);
        for (const change of got.kind === 'news' ? got.changes : []) {
          claims.apply(change);
          highest = Math.max(highest, change.seq);
          const holder = claims.holderOf(blue, key);
          assert.ok(
            holder === undefined || holder.seq === highest,
            `${holder?.owner} holds it with ${holder?.seq} of ${highest}`,
          );
        }
      };
      for (const n of delivery) hear(blocks[n % blocks.length]!);
      for (const owner of owners) for (const block of [...owner.missingFor([])]) hear(block);
      assert.deepEqual(claims.holderOf(blue, key), {
        owner: peerOf(path.at(-1)!),
        seq: path.length,
        value: bytes(path.length - 1),
      });
    }),
    { numRuns: 500 },
  );
});

test('an owner that is dead does not get an address back when its successor withdraws, restarts or compacts', () => {
  const claims = new Claims();
  const options = { self: peerOf(2), signatures: trusting, mayDrop: (gone: RecordChange) => claims.release(gone) };
  const dead = newStore(1);
  dead.put(blue, key, bytes(1), 1);
  dead.flush();
  let owner = new RecordStore({ ...options, incarnation: 1 });
  pull(owner, dead);
  owner.put(blue, key, bytes(2), 2);
  owner.flush();
  const reborn = RecordStore.load({ ...options, incarnation: 2 }, owner.save());
  assert.ok(reborn instanceof RecordStore);
  owner = reborn;
  for (const change of owner.everything()) claims.apply(change);
  for (let incarnation = 3; incarnation < 9; incarnation++) {
    owner.flush();
    owner.raise(incarnation);
  }
  const late = newStore(3);
  pull(late, owner);
  const seen = new Claims();
  for (const change of late.everything()) seen.apply(change);
  assert.equal(seen.holderOf(blue, key), undefined);
  assert.equal(claims.holderOf(blue, key), undefined);
});
