import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSessionOptions } from '../../../router/runtime/session-options.js';

test('each launch has a static key of its own, and chance of its own', async () => {
  const [one, two] = [await loadSessionOptions(true), await loadSessionOptions(false)];
  assert.notDeepEqual(one.staticKey.publicKey, two.staticKey.publicKey);
  assert.notDeepEqual(one.entropy(32), two.entropy(32));
  assert.deepEqual([one.entropy(7).length, one.aes, two.aes, one.secret.length], [7, true, false, 0]);
});
