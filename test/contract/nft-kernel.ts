// What every NftKernel does. FakeNft and LinuxNftKernel run this alike.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NftKernel, NftTable } from '../../datapath/nft-kernel.js';

export interface NftHost {
  readonly kernel: NftKernel;
  /** Makes the table `t` with the set `a` of IPv4 addresses and the set `b` of IPv4 addresses and ports, both counting. */
  readonly create: () => void;
  /** One frame of so many bytes from 127.0.0.1, which the set `a` counts. */
  readonly frame: (bytes: number) => void;
  close(): void;
}

const T: NftTable = { family: 'inet', name: 't' };
const LOOPBACK = '7f000001';
const PAIR = '7f00000100350000';
const NOTHING = { frames: 0, bytes: 0 };

export function nftKernelContract(name: string, newHost: () => NftHost): void {
  const on = (sentence: string, body: (host: NftHost) => void): void =>
    void test(sentence, () => {
      const host = newHost();
      try {
        body(host);
      } finally {
        host.kernel.close();
        host.close();
      }
    });
  describe(`${name} keeps the nft contract`, () => {
    on('what is not there has no elements, and the rest goes on', ({ kernel, create }) => {
      assert.equal(kernel.elements(T, 'a'), undefined);
      create();
      assert.equal(kernel.elements(T, 'c'), undefined);
      assert.deepEqual(kernel.elements(T, 'a'), new Map());
    });
    on('elements are added and deleted by their keys, and their frames are counted', ({ kernel, create, frame }) => {
      create();
      kernel.change(T, [
        { op: 'add', set: 'a', key: LOOPBACK },
        { op: 'add', set: 'b', key: PAIR },
      ]);
      assert.deepEqual(kernel.elements(T, 'b'), new Map([[PAIR, NOTHING]]));
      frame(1_000);
      frame(100);
      assert.deepEqual(kernel.elements(T, 'a'), new Map([[LOOPBACK, { frames: 2, bytes: 1_100 }]]));
      const before = kernel.generation();
      kernel.change(T, [{ op: 'add', set: 'a', key: LOOPBACK }]);
      assert.equal(kernel.elements(T, 'a')!.get(LOOPBACK)!.frames, 2);
      assert.equal(kernel.generation(), before);
      kernel.change(T, [{ op: 'delete', set: 'a', key: LOOPBACK }]);
      assert.deepEqual(kernel.elements(T, 'a'), new Map());
    });
    on('a change that cannot be made whole is not made at all', ({ kernel, create }) => {
      const add = { op: 'add', set: 'a', key: LOOPBACK } as const;
      assert.throws(() => kernel.change(T, [add]), { errno: 'ENOENT' });
      create();
      const before = kernel.generation();
      for (const bad of [
        { op: 'delete', set: 'b', key: PAIR },
        { op: 'add', set: 'c', key: LOOPBACK },
      ] as const)
        for (const ops of [[add, bad], [bad, add], [bad]])
          assert.throws(() => kernel.change(T, ops), { errno: 'ENOENT' });
      assert.deepEqual(kernel.elements(T, 'a'), new Map());
      assert.equal(kernel.generation(), before);
    });
    on('each commit is a generation, and 500 changes are one commit', ({ kernel, create }) => {
      const first = kernel.generation()!;
      create();
      assert.equal(kernel.generation(), first + 1);
      const keys = Array.from({ length: 500 }, (_, i) => `0a00${i.toString(16).padStart(4, '0')}`);
      kernel.change(
        T,
        keys.map((key) => ({ op: 'add' as const, set: 'a', key })),
      );
      assert.equal(kernel.generation(), first + 2);
      assert.deepEqual([...kernel.elements(T, 'a')!.keys()].sort(), keys);
      assert.equal(kernel.generation(), first + 2);
    });
    on('many keys of a set are added and deleted in one commit, in order', ({ kernel, create }) => {
      create();
      const before = kernel.generation()!;
      const keys = Buffer.from(Array.from({ length: 1_000 }, (_, i) => [10, 0, i >> 8, i & 255]).flat());
      const first = keys.subarray(0, 4);
      const pair = Buffer.from(PAIR, 'hex');
      kernel.changeMany(T, [
        { op: 'add', set: 'a', keys, keyBytes: 4 },
        { op: 'add', set: 'b', keys: pair, keyBytes: 8 },
        { op: 'delete', set: 'a', keys: first, keyBytes: 4 },
      ]);
      assert.equal(kernel.generation(), before + 1);
      assert.equal(kernel.elements(T, 'a')!.size, 999);
      assert.equal(kernel.elements(T, 'a')!.has('0a000000'), false);
      assert.deepEqual([...kernel.elements(T, 'b')!.keys()], [PAIR]);
      const again = { op: 'delete', set: 'a', keys: first, keyBytes: 4 } as const;
      const more = { op: 'add', set: 'a', keys: first, keyBytes: 4 } as const;
      assert.throws(() => kernel.changeMany(T, [again, more]), { errno: 'ENOENT' });
      assert.equal(kernel.elements(T, 'a')!.size, 999);
    });
    on('rules are known by their handles, and those of other tables are not told', ({ kernel, create }) => {
      assert.deepEqual(kernel.rules(T), []);
      create();
      assert.equal(kernel.rules(T).length, 1);
      assert.deepEqual(kernel.rules(T), kernel.rules(T));
      assert.deepEqual(kernel.rules({ family: 'bridge', name: 't' }), []);
      assert.equal(kernel.elements({ family: 'bridge', name: 't' }, 'a'), undefined);
    });
  });
}
