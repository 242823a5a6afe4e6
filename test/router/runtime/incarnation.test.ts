import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_INCARNATION } from '../../../router/runtime/identity.js';
import { Incarnation } from '../../../router/runtime/incarnation.js';
import { StateDir } from '../../../router/runtime/state-dir.js';
import { inTemporaryDir } from '../../support/temporary-dir.js';

/** @param use gets the path of the state directory, and a list that fills with what could not be written */
const inStateDir = (use: (path: string, dir: StateDir, unsaved: string[]) => void): Promise<void> =>
  inTemporaryDir((parent) => {
    const path = join(parent, 'state');
    const dir = StateDir.open(path);
    use(path, dir, []);
    dir.close();
  });

test('each launch has an incarnation above all before, those that were raised included', () =>
  inStateDir((_, dir, unsaved) => {
    const first = new Incarnation(dir, (e) => unsaved.push(e.message));
    assert.equal(first.raise(first.inForce + 6), first.inForce);
    assert.equal(first.inForce, 8);
    assert.equal(first.raise(3), 8);
    assert.equal(new Incarnation(dir, (e) => unsaved.push(e.message)).inForce, 9);
    assert.deepEqual(unsaved, []);
  }));

test('a disk that takes nothing keeps nobody from refuting, and has it as soon as it can', () =>
  inStateDir((path, dir, unsaved) => {
    const incarnation = new Incarnation(dir, (e) => unsaved.push(e.message));
    rmSync(path, { recursive: true });
    assert.equal(incarnation.raise(4), 5);
    assert.equal(incarnation.raise(4), 5);
    assert.equal(incarnation.raise(5), 6);
    incarnation.save();
    assert.equal(unsaved.length, 4);
    assert.match(unsaved[0]!, /^cannot write ".*incarnation\.json"/);
    mkdirSync(path);
    incarnation.save();
    incarnation.save();
    assert.equal(unsaved.length, 4);
    assert.equal(new Incarnation(dir, () => undefined).inForce, 7);
  }));

test('an incarnation never passes the highest that there is', () =>
  inStateDir((path, dir) => {
    const incarnation = new Incarnation(dir, () => undefined);
    assert.equal(incarnation.raise(MAX_INCARNATION), MAX_INCARNATION);
    rmSync(path, { recursive: true });
    assert.equal(incarnation.raise(MAX_INCARNATION), MAX_INCARNATION);
  }));
