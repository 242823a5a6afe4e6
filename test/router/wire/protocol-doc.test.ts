import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** The lines of the byte table in a source file or a document, without indentation that all share. */
function tableAfter(lines: readonly string[], start: number): string {
  const end = lines.findIndex((l, i) => i > start && !/^ {0,40}(\d|\.|end)/.test(l));
  return lines.slice(start + 1, end).map((l) => l.replace(/ *\*\/$/, '').trim().replace(/ +/g, ' ')).join('\n');
}

const doc = readFileSync('docs/protocol.md', 'utf8').split('\n');
const documented = doc.flatMap((line, i) => (line === 'off len field' ? [tableAfter(doc, i)] : []));

for (const name of ['block', 'vector', 'snapshot']) {
  test(`docs/protocol.md has the byte table of router/wire/${name}.ts`, () => {
    const source = readFileSync(`router/wire/${name}.ts`, 'utf8')
      .split('\n')
      .map((l) => l.replace(/^ \*/, ''));
    const table = tableAfter(source, source.findIndex((l) => l.trim() === 'off len field'));
    assert.ok(table.split('\n').length > 3);
    assert.ok(documented.includes(table), table);
  });
}
