import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastWords } from '../../cli/background.js';

test('the last complaint in a log is found with its remedy, whatever follows', () => {
  const log =
    'starting\nmesh: cannot launch: a\n  try: b\nmesh: cannot launch: port 6783 is in use\n  try: mesh status\nbye\n';
  assert.equal(lastWords(log), 'mesh: cannot launch: port 6783 is in use\n  try: mesh status');
  assert.equal(lastWords('mesh: cannot launch: a\nbye\n'), 'mesh: cannot launch: a');
});

test('a log without a complaint gives its last line, an empty one nothing', () => {
  assert.equal(lastWords('one\ntwo\n\n'), 'two');
  assert.equal(lastWords('\n'), undefined);
});
