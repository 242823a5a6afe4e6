import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { noise } from '../../../router/noise.js';
import { verifyEd25519 } from '../../../router/wire/ed25519.js';
import {
  accept,
  answer,
  finish,
  initiate,
  type Answer,
  type Naming,
  type Part,
  type Party,
} from '../../../router/session/handshake.js';
import type { Signer } from '../../../router/trust/trust.js';
import type { PeerId } from '../../../router/types.js';
import { peerIdOf } from '../../../router/wire/peer-id.js';
import { decodeIntroduction } from '../../../router/wire/session.js';
import { keysOf } from '../../support/real-trust.js';

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n);
/** With an Ed25519 key made of a byte, 32 times. RFC 8410 §7: what comes before it in PKCS #8. */
function party(n: number): Party {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed(n)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const signer: Signer = {
    publicKey: new Uint8Array(Buffer.from(jwk.x!, 'base64url')),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
  return { crypto: { noise, verify: verifyEd25519 }, staticKey: noise.keyPair(seed(n)), signer };
}
const part = (n: number, more: Partial<Part['terms']> = {}): Part => ({
  ephemeral: noise.keyPair(seed(n)),
  terms: { version: 1, oldest: 1, aes: true, index: n * 0x01010101, ...more },
});
const GOLDEN = {
  messages: [
    '85788f6e8c1818fd4314b841a87ffb91af60d95aa98338496cd17ba1cbf1532b',
    '5fd61ddf41b10f75d39b50e9a30228c7fee22cc8afdb1780e48612babf8ebe11de9ee6901d8dec36b7acfbc1b713910d9e5429f7c96ca5e4d5c50193b21879b8ba25a1f08a455cc71b8867cd91d210372ea324beb613a4d7810f0116054dda2c903f14f3907f8da9be5844a011d4e01f3702e04ae5dbd5c7717dc949f03af2704c76c90580042d2cc29ad0fea0e36902b10e4085516d524ce13615379d25ae9e704662143664df2a9c01ba9c2009d3b951f62922e47819face90ee95bc07fc32d1e0fb755e4b928f',
    'e0b153addc8b10b3e77f0bfdac12fe86fad09c802f8d620a45282db429dc046781824b06002888401406cdae85d36e06c6b5a7da8ff643d8e426a8b8d280d4c8d873a2d1bdd462be652357b5351484e635d733cb6d947640b136e5e9b22bb81cc4051bc33ab7b719b40dd47b868f5ccf617dee26fd00492fc1170eb5bb40702bf203072fca0a728bf991e63b30278d32696ea9c411bb02d84e83b8fcc70cfe473cf34dae13a0a8dc',
  ],
  /** Initiator to responder, back, confirm. */
  keys: [
    'f3851b0097f5a2bf33010c9ff74ec775f580187120c62f924be9e6173f029fb1',
    '113a65cc1001d7b9e6bf2f216f6d9fd26af196478db05c7994a6a718500365b4',
    '22e52d76479317f9fb234029cda7b1f5',
  ],
};
const [ALICE, BOB, MALLORY] = [party(1), party(2), party(5)];
const NAMING: Naming = {
  initiator: peerIdOf(ALICE.signer.publicKey),
  responder: peerIdOf(BOB.signer.publicKey),
  token: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7),
  keys: keysOf(6),
};

function messages(alices = part(3), bobs = part(4)): readonly [Uint8Array, Uint8Array, Answer] {
  const one = initiate(ALICE, NAMING, alices);
  const two = answer(BOB, NAMING, bobs, one);
  assert.ok(typeof two !== 'string');
  return [one, two.message, two];
}

test('keys from the seeds 01.., 02.. (static) and 03.., 04.. (ephemeral) give the messages and keys of the document', () => {
  const [one, two, answered] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  const agreed = accept(BOB, NAMING, part(4), one, answered, done.message);
  assert.ok(typeof agreed !== 'string');
  assert.deepEqual([hex(one), hex(two), hex(done.message)], GOLDEN.messages);
  assert.deepEqual([hex(agreed.receiveKey), hex(agreed.sendKey), hex(agreed.confirm)], GOLDEN.keys);
  assert.deepEqual([agreed.sendKey, agreed.receiveKey], [done.agreed.receiveKey, done.agreed.sendKey]);
  assert.deepEqual(agreed.confirm, done.agreed.confirm);
  assert.deepEqual([done.agreed.theirs.index, agreed.theirs.index], [0x04040404, 0x03030303]);
});

test('a handshake under another name, of another pair or with the roles exchanged, is not understood', () => {
  const [, two] = messages();
  for (const other of [
    { ...NAMING, token: new Uint8Array(8) },
    { ...NAMING, responder: 'b3'.repeat(16) as PeerId },
    { ...NAMING, initiator: NAMING.responder, responder: NAMING.initiator },
  ])
    assert.equal(finish(ALICE, other, part(3), two), 'forged');
});

test('under another secret nothing is understood, not even with the same key id', () => {
  const [one, two, answered] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  for (const keys of [keysOf(7), { ...keysOf(7), id: NAMING.keys.id }, { ...NAMING.keys, id: keysOf(7).id }]) {
    assert.equal(finish(ALICE, { ...NAMING, keys }, part(3), two), 'forged');
    assert.equal(accept(BOB, { ...NAMING, keys }, part(4), one, answered, done.message), 'forged');
  }
});

test("who is in the middle, with the secret and any keys of its own, takes nobody's place", () => {
  const [one, , answered] = messages();
  const own = (signer: Signer): Party => ({ ...MALLORY, signer });
  const stolen = decodeIntroduction(answered.introduction);
  assert.ok(typeof stolen !== 'string');
  const { publicKey } = BOB.signer;
  const signers: readonly Signer[] = [
    MALLORY.signer,
    { ...MALLORY.signer, publicKey }, // Bob's name, its own hand
    { publicKey, sign: () => stolen.signature }, // what Bob signed to Alice in this very handshake
  ];
  for (const signer of signers) {
    const fake = answer(own(signer), NAMING, part(7), one);
    assert.ok(typeof fake !== 'string');
    assert.equal(finish(ALICE, NAMING, part(3), fake.message), 'identity');
    const towardsBob = finish(own({ ...signer, publicKey: ALICE.signer.publicKey }), NAMING, part(3), answered.message);
    assert.ok(typeof towardsBob !== 'string', 'Bob is who he is');
    assert.equal(accept(BOB, NAMING, part(4), one, answered, towardsBob.message), 'identity');
  }
});

test('what an end signs does not count with another static key, of the same launch or an older one', () => {
  const [one] = messages();
  const stale = answer({ ...BOB, staticKey: noise.keyPair(seed(9)) }, NAMING, part(4), one);
  assert.ok(typeof stale !== 'string');
  const theirs = decodeIntroduction(stale.introduction);
  assert.ok(typeof theirs !== 'string');
  const signer = { publicKey: BOB.signer.publicKey, sign: () => theirs.signature };
  const mixed = answer({ ...BOB, signer }, NAMING, part(4), one);
  assert.ok(typeof mixed !== 'string');
  assert.equal(finish(ALICE, NAMING, part(3), mixed.message), 'identity');
});

test('sides that speak no version in common find out by what is sealed', () => {
  const [, two] = messages(part(3), part(4, { version: 3, oldest: 2 }));
  assert.equal(finish(ALICE, NAMING, part(3), two), 'version');
  assert.ok(typeof finish(ALICE, NAMING, part(3, { version: 2 }), two) !== 'string');
});

test('a damaged or foreign message is a reason, and the handshake can still be finished with the right one', () => {
  const [one, two, answered] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  const three = done.message;
  const damaged = (m: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc
      .tuple(fc.nat(m.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, xor]) => m.map((x, i) => (i === at ? x ^ xor : x)));
  fc.assert(
    fc.property(damaged(two), damaged(three), fc.uint8Array({ maxLength: 120 }), (badTwo, badThree, any) => {
      for (const bad of [badTwo, any]) assert.equal(finish(ALICE, NAMING, part(3), bad), 'forged');
      for (const bad of [badThree, any]) assert.equal(accept(BOB, NAMING, part(4), one, answered, bad), 'forged');
      assert.ok(typeof accept(BOB, NAMING, part(4), one, answered, three) !== 'string');
    }),
    { numRuns: 30 },
  );
});
