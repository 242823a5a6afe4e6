import assert from 'node:assert/strict';
import { createDecipheriv, createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { noise } from '../../router/noise.js';
import type { KeyPair, NoiseXx } from '../../router/session/noise-xx.js';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** RFC 8410 §7 around a raw X25519 key. */
function pairOf(secretKey: Uint8Array): KeyPair {
  const der = Buffer.concat([hex('302e020100300506032b656e04220420'), secretKey]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return { secretKey, publicKey: new Uint8Array(key.export({ type: 'spki', format: 'der' }).subarray(12)) };
}

/** cacophony's vector for Noise_XX_25519_ChaChaPoly_BLAKE2b (vectors/cacophony.txt of haskell-cryptography/cacophony). */
const VECTOR = {
  prologue: '4a6f686e2047616c74',
  initStatic: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
  initEphemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  respStatic: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  respEphemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
  handshake: [
    [
      '4c756477696720766f6e204d69736573',
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573',
    ],
    [
      '4d757272617920526f746862617264',
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430505b6745ce64a5f33f0e8e3b83f11ce8802bca507f4f2d8b564dbe277e1966116e132faa2dfd70b8b077b9f94b913df5056ae1319469b824a98d54bbaa82c325595587064f978c4b6d104f7596e6f',
    ],
    [
      '462e20412e20486179656b',
      '99579e1c1ee15e422a57ddd6b16d37087b17558e8369c18991b4b2ca3a824abf904cdcf5458b5431a75af034ca9e9b982de039eaaf156775e2d580cd4e5ebae89c3f8cb2594b556d8a8169',
    ],
  ],
  /** The first message after the handshake of either side: by the responder, then by the initiator. */
  transport: [
    ['4361726c204d656e676572', 'fc56eea290b3f3a21aac0c70cd5787b5ee99be37d2f4d751329b55'],
    ['4a65616e2d426170746973746520536179', 'bb31c9da10d5639a4cdb88a12f5c61de41bbc7df09bf75d94f8184fe4157f5c68f'],
  ],
} as const;

function openFirst(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
}

/** `h` of §5.2: the protocol's name, the prologue, and then everything as it went over the wire. */
function transcriptHash(prologue: Uint8Array, [one, two, three]: readonly Uint8Array[]): Uint8Array {
  const sent = [
    ...[prologue, one!.subarray(0, 32), one!.subarray(32)],
    ...[two!.subarray(0, 32), two!.subarray(32, 80), two!.subarray(80)],
    ...[three!.subarray(0, 48), three!.subarray(48)],
  ];
  const name = Buffer.alloc(64);
  name.write('Noise_XX_25519_ChaChaPoly_BLAKE2b');
  const mix = (h: Uint8Array, part: Uint8Array): Uint8Array =>
    new Uint8Array(createHash('blake2b512').update(h).update(part).digest());
  return sent.reduce(mix, new Uint8Array(name));
}

const side = (initiator: boolean, staticKey: string, ephemeral: string, prologue: string): NoiseXx =>
  noise.begin({
    initiator,
    prologue: hex(prologue),
    staticKey: pairOf(hex(staticKey)),
    ephemeral: pairOf(hex(ephemeral)),
  });

test('the handshake and its keys are those of cacophony`s vector, the hash that of what was sent', () => {
  const v = VECTOR;
  const initiator = side(true, v.initStatic, v.initEphemeral, v.prologue);
  const responder = side(false, v.respStatic, v.respEphemeral, v.prologue);
  for (const [i, [payload, ciphertext]] of v.handshake.entries()) {
    const [from, to] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    assert.equal(from.result(), undefined);
    assert.deepEqual(from.write(hex(payload)), hex(ciphertext));
    assert.deepEqual(to.read(hex(ciphertext)), hex(payload));
  }
  const [a, b] = [initiator.result()!, responder.result()!];
  const sent = v.handshake.map(([, ciphertext]) => hex(ciphertext));
  assert.deepEqual(a.hash, transcriptHash(hex(v.prologue), sent));
  assert.deepEqual(b.hash, a.hash);
  assert.deepEqual([a.sendKey, a.receiveKey], [b.receiveKey, b.sendKey]);
  assert.deepEqual(openFirst(a.receiveKey, hex(v.transport[0][1])), hex(v.transport[0][0]));
  assert.deepEqual(openFirst(b.receiveKey, hex(v.transport[1][1])), hex(v.transport[1][0]));
  assert.deepEqual(a.remoteStatic, pairOf(hex(v.respStatic)).publicKey);
  assert.deepEqual(b.remoteStatic, pairOf(hex(v.initStatic)).publicKey);
  initiator.end();
  responder.end();
  responder.end();
});

test('the same seed gives the same key, another one another', () => {
  const [seed, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  assert.deepEqual(noise.keyPair(seed), noise.keyPair(seed));
  assert.notDeepEqual(noise.keyPair(seed), noise.keyPair(other));
  assert.deepEqual(pairOf(noise.keyPair(seed).secretKey).publicKey, noise.keyPair(seed).publicKey);
});

test('any other bytes than the message are not genuine, and nothing throws', () => {
  const v = VECTOR;
  const genuine = hex(v.handshake[1][1]);
  const mutated = fc
    .tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, xor]) => genuine.map((byte, i) => (i === at ? byte ^ xor : byte)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      const initiator = side(true, v.initStatic, v.initEphemeral, v.prologue);
      initiator.write(hex(v.handshake[0][0]));
      assert.equal(initiator.read(bytes), undefined);
      initiator.end();
    }),
  );
});

test('a handshake that has ended holds no memory: locked pages are mappings, and a process has but 65,530', () => {
  const mappings = (): number => readFileSync('/proc/self/maps', 'latin1').split('\n').length;
  const v = VECTOR;
  const shake = (): void => {
    const initiator = side(true, v.initStatic, v.initEphemeral, v.prologue);
    const responder = side(false, v.respStatic, v.respEphemeral, v.prologue);
    const nothing = new Uint8Array(0);
    for (const [from, to] of [
      [initiator, responder],
      [responder, initiator],
      [initiator, responder],
    ] as const)
      to.read(from.write(nothing));
    assert.ok(initiator.result() !== undefined && responder.result() !== undefined);
    initiator.end();
    responder.end();
  };
  shake();
  const before = mappings();
  for (let n = 0; n < 50; n++) shake();
  assert.ok(mappings() - before < 50, `${mappings() - before} more after 50 handshakes`);
});

test('sides with different prologues do not understand each other', () => {
  const v = VECTOR;
  const responder = side(false, v.respStatic, v.respEphemeral, '00');
  const initiator = side(true, v.initStatic, v.initEphemeral, '01');
  assert.ok(responder.read(initiator.write(new Uint8Array(0))));
  assert.equal(initiator.read(responder.write(new Uint8Array(0))), undefined);
});
