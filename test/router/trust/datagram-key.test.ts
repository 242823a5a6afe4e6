import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deriveDatagramKey } from '../../../router/trust/datagram-key.js';
import type { DatagramKey } from '../../../router/trust/trust.js';
import type { PeerId } from '../../../router/types.js';
import { encodeDatagram, HOPS_AT, launchNameAt, MAX_PAYLOAD_BYTES } from '../../../router/wire/datagram.js';
import { cheapCrypto } from '../../support/cheap-trust.js';
import { peerOf } from '../../support/peers.js';

const bytes = (n: number, count: number): Uint8Array => new Uint8Array(count).fill(n);
const [SECRET, LAUNCH, SENDER] = [bytes(1, 32), bytes(2, 16), 'a1'.repeat(16) as PeerId];
const DST = launchNameAt(bytes(0xbb, 8), 0);

type Derive = typeof deriveDatagramKey;
const sealed = (key: DatagramKey, counter: number, payload: Uint8Array): Uint8Array => {
  const b = encodeDatagram({ kind: 'swim', hops: 8, src: key.name, dst: DST, counter }, payload);
  key.seal(b);
  return b;
};

test('a secret of 01.., a launch of 02.. and the sender a1.. give the name and the datagram of the document', () => {
  const key = deriveDatagramKey(SECRET, SENDER, LAUNCH);
  const datagram = sealed(key, 7, Uint8Array.of(0xca, 0xfe));
  assert.equal(Buffer.from(datagram).toString('hex'), GOLDEN);
  assert.deepEqual(deriveDatagramKey(SECRET, SENDER, LAUNCH).open(datagram), Buffer.from('cafe', 'hex'));
});
const GOLDEN = '020108006c600887978d5ffcbbbbbbbbbbbbbbbb00000000000000074a30bb47b7ded670f7c552c78c4e0b187128';

for (const [what, derive] of [
  ['the real key', deriveDatagramKey],
  ['the cheap one', (...of) => cheapCrypto.datagramKey(...of)],
] as readonly (readonly [string, Derive])[]) {
  const key = derive(SECRET, SENDER, LAUNCH);

  test(`${what} opens what it sealed, whatever a relay made of the hops`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }), fc.maxSafeNat(), fc.nat(255), (payload, n, hops) => {
        const datagram = sealed(key, n, payload);
        datagram[HOPS_AT] = hops;
        assert.ok(Buffer.from(payload).equals(derive(SECRET, SENDER, LAUNCH).open(datagram)!));
      }),
    );
  });

  test(`${what} opens nothing of which a byte was changed`, () => {
    const anyChange = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).filter(([at]) => at !== HOPS_AT);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), anyChange, (payload, [at, xor]) => {
        const datagram = sealed(key, 1, payload);
        const where = at % datagram.length;
        fc.pre(where !== HOPS_AT);
        datagram[where]! ^= xor;
        assert.equal(key.open(datagram), undefined);
      }),
    );
  });

  test(`${what} is of one secret, one sender and one launch, by name and by what it opens`, () => {
    const others = [
      derive(bytes(3, 32), SENDER, LAUNCH),
      derive(SECRET, peerOf(1), LAUNCH),
      derive(SECRET, SENDER, bytes(3, 16)),
    ];
    const datagram = sealed(key, 1, Uint8Array.of(1));
    for (const other of others) assert.equal(other.open(datagram), undefined);
    assert.equal(new Set([key, ...others].map(({ name }) => name)).size, 4);
  });
}
