import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { signEd25519, verifyEd25519 } from '../../../router/wire/ed25519.js';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const upTo100 = fc.uint8Array({ maxLength: 100 });

test('the second vector of RFC 8032 section 7.1 is true, and not with a bit changed', () => {
  const publicKey = bytes('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  const signature = bytes(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  assert.equal(verifyEd25519(publicKey, Uint8Array.of(0x72), signature), true);
  assert.equal(verifyEd25519(publicKey, Uint8Array.of(0x73), signature), false);
});

test('what was signed is true under its key, and nothing else is', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  fc.assert(
    fc.property(upTo100, upTo100, (message, other) => {
      const signature = signEd25519(privateKey, message);
      assert.equal(signature.length, 64);
      assert.equal(verifyEd25519(key, message, signature), true);
      assert.equal(verifyEd25519(key, other, signature), Buffer.compare(message, other) === 0);
    }),
  );
});

test('bytes that are no key and no signature are refused, not thrown at', () => {
  fc.assert(
    fc.property(upTo100, upTo100, upTo100, (key, message, signature) => {
      assert.equal(verifyEd25519(key, message, signature), false);
    }),
  );
});
