import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  clean,
  formatBytes,
  formatDuration,
  formatRtt,
  plain,
  shortDuration,
  table,
  truncate,
  wrap,
} from '../../cli/format.js';

test('durations have two units at most, and none that is zero behind', () => {
  const shown = [0, 999, 1000, 59_999, 60_000, 64_000, 3_600_000, 7_500_000, 86_400_000, 273_600_000].map(
    formatDuration,
  );
  assert.deepEqual(shown, [
    '0 ms',
    '999 ms',
    '1 s',
    '59 s',
    '1 min',
    '1 min 4 s',
    '1 h',
    '2 h 5 min',
    '1 d',
    '3 d 4 h',
  ]);
  assert.deepEqual([0, 59_999, 60_000, 3_600_000, 90_000_000].map(shortDuration), ['0s', '59s', '1m', '1h', '1d']);
});

test('sizes never show four digits, nor a thousand of a unit', () => {
  const shown = [0, 999, 1000, 1234, 9949, 9950, 999_499, 999_500, 1.2e9, 5e12].map(formatBytes);
  assert.deepEqual(shown, [
    '0 B',
    '999 B',
    '1.0 KB',
    '1.2 KB',
    '9.9 KB',
    '10 KB',
    '999 KB',
    '1.0 MB',
    '1.2 GB',
    '5.0 TB',
  ]);
  assert.equal(formatBytes(null), '-');
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e15 }), (n) => formatBytes(n).length <= 6));
});

test('round-trip times keep two digits that mean something', () => {
  assert.deepEqual([0.014, 0.41, 0.996, 3.21, 9.96, 87.4].map(formatRtt), [
    '0.01 ms',
    '0.41 ms',
    '1.0 ms',
    '3.2 ms',
    '10 ms',
    '87 ms',
  ]);
  assert.equal(formatRtt(null), '-');
});

test('nothing that a peer wrote can move the cursor', () => {
  assert.equal(clean('a\u001b[2Jb\r\nc\u202ed\u0000é\u007f'), 'a?[2Jb??c?d???');
});

test('wrapping loses no word and keeps every line within the width', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 30 });
  fc.assert(
    fc.property(words, fc.integer({ min: 16, max: 80 }), (list, columns) => {
      const lines = wrap(list.join(' '), columns, '  ! ', '    ');
      assert.equal(lines.map((line) => line.slice(4)).join(' '), list.join(' '));
      assert.ok(lines.every((line) => line.length <= columns));
    }),
  );
});

test('a table is aligned, and too wide a column is cut where that is allowed', () => {
  const columns = [
    { header: 'NAME', shrink: true },
    { header: 'N', right: true },
  ] as const;
  const rows = [
    { cells: ['a', '1'] },
    { cells: ['a-name-that-is-long', '22'], note: ['  ! why'] },
    { cells: [['b', 'c'], '3'] },
  ];
  assert.deepEqual(table(columns, rows, { columns: 80, paint: plain }), [
    'NAME                  N',
    'a                     1',
    'a-name-that-is-long  22',
    '  ! why',
    'b                     3',
    'c',
  ]);
  assert.equal(table(columns, rows, { columns: 16, paint: plain })[2], 'a-name-that…  22');
  assert.equal(truncate('abc', 3), 'abc');
});
