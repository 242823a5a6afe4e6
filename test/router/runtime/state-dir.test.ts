import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { StateDir, StateDirError, type StateFault } from '../../../router/runtime/state-dir.js';
import { bytesFile, jsonFile } from '../../../router/runtime/state-file.js';
import { inTemporaryDir } from '../../support/temporary-dir.js';

const targets = jsonFile<readonly string[]>(
  'targets.json',
  1,
  (list) => ({ targets: list }),
  ({ targets: t }) => (Array.isArray(t) && t.every((x) => typeof x === 'string') ? t : undefined),
);
const cache = bytesFile('cache.bin', 1);

const fails = (fault: StateFault, words: RegExp): ((e: unknown) => boolean) => {
  return (e) => {
    assert.ok(e instanceof StateDirError, String(e));
    assert.equal(e.fault, fault);
    assert.match(e.message, words);
    assert.ok(e.remedy !== '' && !`${e.message}${e.remedy}`.includes('\n'), 'one line, and what to do');
    return true;
  };
};

test('a directory is made for its owner alone, and so are its files', async () => {
  await inTemporaryDir(async (tmp) => {
    const path = join(tmp, 'a', 'b');
    const dir = StateDir.open(path);
    await dir.save(targets, ['host-b']);
    dir.saveSync(cache, Uint8Array.of(1));
    assert.equal(fs.statSync(path).mode & 0o777, 0o700);
    for (const name of fs.readdirSync(path)) assert.equal(fs.statSync(join(path, name)).mode & 0o777, 0o600, name);
    dir.close();
  });
});

test('what was saved is loaded by the next router', async () => {
  await inTemporaryDir(async (tmp) => {
    const first = StateDir.open(tmp);
    assert.equal(first.load(targets), undefined);
    await Promise.all([first.save(targets, ['one']), first.save(targets, ['one', 'two'])]);
    await first.save(cache, Uint8Array.of(0, 255, 10));
    first.close();
    first.close();
    const second = StateDir.open(tmp);
    assert.deepEqual(second.load(targets), ['one', 'two']);
    assert.deepEqual([...second.load(cache)!], [0, 255, 10]);
    assert.deepEqual(fs.readdirSync(tmp).sort(), ['cache.bin', 'lock', 'targets.json'], 'no temporary file stays');
    second.close();
  });
});

test('a second router in the same directory is refused, and the first is named', async () => {
  await inTemporaryDir((tmp) => {
    const first = StateDir.open(tmp);
    assert.throws(() => StateDir.open(tmp), fails('in-use', new RegExp(`"${tmp}" is in use .*process ${process.pid}`)));
    first.close();
    StateDir.open(tmp).close();
  });
});

test('the lock of a router that was killed is gone with it', async () => {
  await inTemporaryDir(async (tmp) => {
    const module = new URL('../../../router/runtime/state-dir.js', import.meta.url).href;
    const code = `(await import(${JSON.stringify(module)})).StateDir.open(process.argv[1]); console.log('open'); setInterval(() => {}, 1e6);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', code, tmp], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((done) => other.once('exit', done));
    try {
      await new Promise((done) => other.stdout.once('data', done));
      assert.throws(() => StateDir.open(tmp), fails('in-use', new RegExp(`process ${other.pid}`)));
    } finally {
      other.kill('SIGKILL');
      await ended;
    }
    StateDir.open(tmp).close();
  });
});

test('a corrupt file is named and left as it is', async () => {
  await inTemporaryDir((tmp) => {
    const dir = StateDir.open(tmp);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '7',
      '{"version":1}',
      '{"version":1,"targets":[7]}',
      '{"version":0,"targets":[]}',
    ]) {
      fs.writeFileSync(join(tmp, 'targets.json'), text);
      assert.throws(() => dir.load(targets), fails('corrupt', /targets\.json" is corrupt: it /));
      assert.equal(fs.readFileSync(join(tmp, 'targets.json'), 'utf8'), text);
    }
    dir.close();
  });
});

test('a file of a newer version is not called corrupt', async () => {
  await inTemporaryDir((tmp) => {
    const dir = StateDir.open(tmp);
    fs.writeFileSync(join(tmp, 'targets.json'), '{"version":2,"hosts":{}}');
    assert.throws(() => dir.load(targets), fails('newer', /written by a newer mesh/));
    fs.writeFileSync(join(tmp, 'cache.bin'), Buffer.concat([Buffer.from('mesh\u0002'), Buffer.alloc(40)]));
    assert.throws(() => dir.load(cache), fails('newer', /written by a newer mesh/));
    dir.close();
  });
});

test('a binary file with any byte changed or cut off is corrupt', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (content, at, flip, cut) => {
      const bytes = Uint8Array.from(cache.encode(content));
      assert.deepEqual(cache.decode(bytes), [content]);
      bytes[at % bytes.length]! ^= flip;
      assert.equal(typeof cache.decode(cut ? cache.encode(content).subarray(0, at % bytes.length) : bytes), 'string');
    }),
  );
});

test('a path that cannot be a directory is refused with the reason', async () => {
  await inTemporaryDir((tmp) => {
    fs.writeFileSync(join(tmp, 'file'), '');
    assert.throws(() => StateDir.open(join(tmp, 'file')), fails('unwritable', /not a directory/));
    assert.throws(() => StateDir.open(join(tmp, 'file', 'sub')), fails('unwritable', /not a directory/));
    assert.throws(() => StateDir.open('/proc/mesh'), fails('unwritable', /\/proc\/mesh/));
  });
});

test('a save that fails says so and keeps what was there', async () => {
  await inTemporaryDir(async (tmp) => {
    const dir = StateDir.open(tmp);
    fs.mkdirSync(join(tmp, 'targets.json'));
    fs.writeFileSync(join(tmp, 'targets.json', 'x'), '');
    await assert.rejects(dir.save(targets, []), fails('unwritable', /cannot write .*targets\.json/));
    assert.throws(() => dir.saveSync(targets, []), fails('unwritable', /cannot write .*targets\.json/));
    assert.ok(fs.existsSync(join(tmp, 'targets.json', 'x')));
    dir.close();
  });
});

test('what a crash left of a write is removed at the next launch, and nothing else is', async () => {
  await inTemporaryDir((tmp) => {
    for (const name of ['targets.json.123456', 'targets.json', 'notes.txt', 'cache.bin.mine'])
      fs.writeFileSync(join(tmp, name), '');
    StateDir.open(tmp).close();
    assert.deepEqual(fs.readdirSync(tmp).sort(), ['cache.bin.mine', 'lock', 'notes.txt', 'targets.json']);
  });
});

test('erase removes every trace of ours and leaves what is not', async () => {
  await inTemporaryDir((tmp) => {
    const dir = StateDir.open(join(tmp, 'ours'));
    dir.saveSync(targets, []);
    dir.erase();
    dir.close();
    assert.deepEqual(fs.readdirSync(tmp), []);
    const shared = StateDir.open(tmp);
    shared.saveSync(targets, []);
    fs.writeFileSync(join(tmp, 'notes.txt'), '');
    shared.erase();
    shared.close();
    assert.deepEqual(fs.readdirSync(tmp), ['notes.txt']);
  });
});
