import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSessionOptions } from '../../../router/runtime/session-options.js';

test('each launch has a static key of its own, and chance of its own', async () => {
  const secret = (): Uint8Array => Uint8Array.of(1, 2, 3);
  const [one, two] = [await loadSessionOptions(true, secret), await loadSessionOptions(false, secret)];
  assert.notDeepEqual(one.staticKey.publicKey, two.staticKey.publicKey);
  assert.notDeepEqual(one.entropy(32), two.entropy(32));
  assert.deepEqual([one.entropy(7).length, one.aes, two.aes, one.secret()], [7, true, false, secret()]);
});
