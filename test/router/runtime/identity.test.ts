import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign, verify, createPublicKey } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadIdentity, MAX_INCARNATION, nextIncarnation, raiseIncarnation } from '../../../router/runtime/identity.js';
import { StateDir, StateDirError } from '../../../router/runtime/state-dir.js';
import { inTemporaryDir } from '../../support/temporary-dir.js';

const inStateDir = (use: (dir: StateDir, path: string) => void): Promise<void> =>
  inTemporaryDir((path) => {
    const dir = StateDir.open(path);
    try {
      use(dir, path);
    } finally {
      dir.close();
    }
  });

test('the identity made at the first launch is there at the second', async () => {
  await inStateDir((dir, path) => {
    const [first, second] = [loadIdentity(dir), loadIdentity(dir)];
    assert.equal(first.id, second.id);
    assert.deepEqual(first.publicKey, second.publicKey);
    assert.equal(fs.statSync(join(path, 'identity.json')).mode & 0o777, 0o600);
  });
});

test('the id is the first half of the hash of the raw public key, whose private half signs', async () => {
  await inStateDir((dir) => {
    const { id, publicKey, privateKey } = loadIdentity(dir);
    assert.equal(publicKey.length, 32);
    assert.equal(id, createHash('sha256').update(publicKey).digest('hex').slice(0, 32));
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    const message = Buffer.from('a block');
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    assert.ok(verify(null, message, key, sign(null, message, privateKey)));
  });
});

test('an identity that is no Ed25519 key is corrupt, and no new one takes its place', async () => {
  await inStateDir((dir, path) => {
    const { privateKey } = generateKeyPairSync('x25519');
    for (const pem of ['', 'x', privateKey.export({ type: 'pkcs8', format: 'pem' })]) {
      const text = JSON.stringify({ version: 1, privateKey: pem });
      fs.writeFileSync(join(path, 'identity.json'), text, { mode: 0o600 });
      assert.throws(() => loadIdentity(dir), (e) => e instanceof StateDirError && e.fault === 'corrupt'); // prettier-ignore
      assert.equal(fs.readFileSync(join(path, 'identity.json'), 'utf8'), text);
    }
  });
});

test('incarnations rise with each launch and are on disk before they are told', async () => {
  await inStateDir((dir, path) => {
    for (const launch of [1, 2, 3]) {
      assert.equal(nextIncarnation(dir), launch);
      assert.match(fs.readFileSync(join(path, 'incarnation.json'), 'utf8'), new RegExp(`"incarnation": ${launch}\\b`));
    }
  });
});

test('an incarnation is raised above what others saw, and never falls', async () => {
  await inStateDir((dir) => {
    assert.equal(nextIncarnation(dir), 1);
    assert.equal(raiseIncarnation(dir, 40), 41);
    assert.equal(raiseIncarnation(dir, 7), 41);
    assert.equal(raiseIncarnation(dir, 41), 42);
    assert.equal(nextIncarnation(dir), 43);
    assert.equal(raiseIncarnation(dir, Number.MAX_SAFE_INTEGER), MAX_INCARNATION);
    assert.ok(Number.isSafeInteger((MAX_INCARNATION + 1) * 2 ** 32 - 1), 'versions of the last one are safe');
  });
});
