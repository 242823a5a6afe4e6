import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** The lines of the byte table in a source file or a document, without indentation that all share. */
function tableAfter(lines: readonly string[], start: number): string {
  const end = lines.findIndex((l, i) => i > start && !/^ {0,40}(\d|\.|end)/.test(l));
  return lines
    .slice(start + 1, end)
    .map((l) =>
      l
        .replace(/ *\*\/$/, '')
        .trim()
        .replace(/ +/g, ' '),
    )
    .join('\n');
}

const doc = readFileSync('docs/protocol.md', 'utf8').split('\n');
const documented = doc.flatMap((line, i) => (line === 'off len field' ? [tableAfter(doc, i)] : []));

const SOURCES = [
  ...['block', 'vector', 'snapshot', 'datagram', 'stream', 'hello', 'knock', 'swim', 'relay', 'spare', 'rotation'].map(
    (name) => `router/wire/${name}.ts`,
  ),
  'router/trust/records.ts',
  'datapath/paths/probe/frame.ts',
  'datapath/sleeve/wire/datagram.ts',
  'datapath/sleeve/wire/message.ts',
];

for (const path of SOURCES) {
  test(`docs/protocol.md has the byte tables of ${path}`, () => {
    const source = readFileSync(path, 'utf8')
      .split('\n')
      .map((l) => l.replace(/^( \*|\/\/ {3})/, ''));
    const tables = source.flatMap((l, i) => (l.trim() === 'off len field' ? [tableAfter(source, i)] : []));
    assert.ok(tables.length > 0);
    for (const table of tables) assert.ok(documented.includes(table), table);
  });
}
