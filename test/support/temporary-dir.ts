import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `use` with the path of a new directory, which is removed afterwards. */
export async function inTemporaryDir(use: (path: string) => void | Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'mesh-test-'));
  try {
    await use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
