// Making a directory, where Node's own `recursive` never returns if a parent exists and mkdir says ENOENT, as under /proc.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes it, and its parents, where it is missing. @throws ErrnoException; EEXIST if something else is there */
export function ensureDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path || existsSync(dirname(path))) throw e;
    ensureDirectory(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}
