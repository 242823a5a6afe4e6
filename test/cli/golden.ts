import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Compares with test/cli/golden/NAME.txt; with MESH_UPDATE_GOLDEN=1 writes it, to be read before it is committed. */
export function assertGolden(name: string, text: string): void {
  const path = join(process.cwd(), 'test', 'cli', 'golden', `${name}.txt`);
  if (process.env.MESH_UPDATE_GOLDEN === '1') writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'));
}
