// What every NftKernel does. FakeNft and LinuxNftKernel run this alike.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NftKernel } from '../../datapath/nft-kernel.js';

export interface NftHost {
  readonly kernel: NftKernel;
  /** Makes the table `t` with the set `a` of IPv4 addresses and the set `b` of IPv4 addresses and ports, both counting. */
  readonly create: () => void;
  /** One frame of so many bytes from 127.0.0.1, which the set `a` counts. */
  readonly frame: (bytes: number) => void;
  close(): void;
}

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
      assert.equal(kernel.elements('t', 'a'), undefined);
      create();
      assert.equal(kernel.elements('t', 'c'), undefined);
      assert.deepEqual(kernel.elements('t', 'a'), new Map());
    });
    on('elements are added and deleted by their keys, and their frames are counted', ({ kernel, create, frame }) => {
      create();
      kernel.change('t', [
        { op: 'add', set: 'a', key: LOOPBACK },
        { op: 'add', set: 'b', key: PAIR },
      ]);
      assert.deepEqual(kernel.elements('t', 'b'), new Map([[PAIR, NOTHING]]));
      frame(1_000);
      frame(100);
      assert.deepEqual(kernel.elements('t', 'a'), new Map([[LOOPBACK, { frames: 2, bytes: 1_100 }]]));
      const before = kernel.generation();
      kernel.change('t', [{ op: 'add', set: 'a', key: LOOPBACK }]);
      assert.equal(kernel.elements('t', 'a')!.get(LOOPBACK)!.frames, 2);
      assert.equal(kernel.generation(), before);
      kernel.change('t', [{ op: 'delete', set: 'a', key: LOOPBACK }]);
      assert.deepEqual(kernel.elements('t', 'a'), new Map());
    });
    on('a change that cannot be made whole is not made at all', ({ kernel, create }) => {
      const add = { op: 'add', set: 'a', key: LOOPBACK } as const;
      assert.throws(() => kernel.change('t', [add]), { errno: 'ENOENT' });
      create();
      const before = kernel.generation();
      for (const bad of [
        { op: 'delete', set: 'b', key: PAIR },
        { op: 'add', set: 'c', key: LOOPBACK },
      ] as const)
        for (const ops of [[add, bad], [bad, add], [bad]])
          assert.throws(() => kernel.change('t', ops), { errno: 'ENOENT' });
      assert.deepEqual(kernel.elements('t', 'a'), new Map());
      assert.equal(kernel.generation(), before);
    });
    on('each commit is a generation, and 500 changes are one commit', ({ kernel, create }) => {
      const first = kernel.generation()!;
      create();
      assert.equal(kernel.generation(), first + 1);
      const keys = Array.from({ length: 500 }, (_, i) => `0a00${i.toString(16).padStart(4, '0')}`);
      kernel.change(
        't',
        keys.map((key) => ({ op: 'add' as const, set: 'a', key })),
      );
      assert.equal(kernel.generation(), first + 2);
      assert.deepEqual([...kernel.elements('t', 'a')!.keys()].sort(), keys);
      assert.equal(kernel.generation(), first + 2);
    });
  });
}
