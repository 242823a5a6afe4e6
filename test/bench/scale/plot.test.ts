import assert from 'node:assert/strict';
import { test } from 'node:test';
import { svg } from '../../../bench/scale/plot.js';
import { scaleTable } from '../../../bench/scale/table.js';

const plot = {
  title: 'bytes < kilobytes & "more"',
  xLabel: 'routers',
  yLabel: 'bytes',
  series: [
    {
      name: 'ours',
      points: [
        [10, 400],
        [100, 650],
        [1_000, 900],
      ] as const,
    },
    {
      name: 'theirs',
      points: [
        [10, 21_000],
        [1_000, 21_000],
      ] as const,
      isReference: true,
    },
  ],
};

test('a plot has a line for each series, a mark for each value, and its words escaped', () => {
  const drawn = svg(plot);
  assert.equal(drawn, svg(plot), 'the same bytes each time');
  assert.equal(drawn.match(/<polyline/g)?.length, 2);
  assert.equal(drawn.match(/<circle/g)?.length, 3, 'none for a reference');
  assert.ok(drawn.includes('bytes &lt; kilobytes &amp; &quot;more&quot;'));
  assert.ok(!drawn.includes('NaN') && !drawn.includes('Infinity'));
});

test('a larger value is drawn higher, and ten times as many routers as far to the right each time', () => {
  const at = [...svg(plot).matchAll(/<circle class="c0" cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => [+m[1]!, +m[2]!]);
  const [a, b, c] = at as [[number, number], [number, number], [number, number]];
  assert.ok(a[1] > b[1] && b[1] > c[1]);
  assert.ok(Math.abs(b[0] - a[0] - (c[0] - b[0])) < 0.2);
});

test('the table leaves out what was not measured, and says what did not happen in time', () => {
  const lines = scaleTable([{ size: 10, healed: 300 }, { size: 100, healed: -1 }, { size: 300 }]).split('\n');
  assert.equal(lines[0], '| routers | 10 | 100 | 300 |');
  assert.ok(lines.includes('| 60 s partition healed: all alive, all that was told known | 0.3 s | not in time |  |'));
});
