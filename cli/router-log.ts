// The log of a router in the background: router.log in its state directory, and the one before it.
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirectory } from './directory.js';

/** A log that is longer at a launch becomes `router.log.1`, and that one is no more. */
const MAX_LOG_BYTES = 4 << 20;
/** Enough to hold the last words of a launch that failed. */
const MAX_TAIL_BYTES = 1 << 20;

const logPath = (stateDir: string): string => join(stateDir, 'router.log');

export interface RouterLog {
  readonly path: string;
  /** For the router to append to. */
  readonly fd: number;
  /** What was written since it was opened, even if the file has been removed meanwhile; the end of it if that is long. */
  tail(): string;
  close(): void;
  /** The launch came to nothing: what was made for its log goes again. */
  discard(): void;
}

/** Makes the state directory where it is missing. @throws ErrnoException */
export function openRouterLog(stateDir: string): RouterLog {
  const path = logPath(stateDir);
  const [madeDir, madeLog] = [!existsSync(stateDir), !existsSync(path)];
  ensureDirectory(stateDir, 0o700);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  const fd = openSync(path, 'a+', 0o600);
  const start = fstatSync(fd).size;
  return {
    path,
    fd,
    tail() {
      const size = fstatSync(fd).size;
      const from = Math.max(start, size - MAX_TAIL_BYTES);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, from));
    },
    close: () => closeSync(fd),
    discard() {
      if (madeLog) rmSync(path, { force: true });
      if (madeDir) removeIfEmpty(stateDir);
    },
  };
}

export function eraseRouterLog(stateDir: string): void {
  for (const path of [logPath(stateDir), `${logPath(stateDir)}.1`]) rmSync(path, { force: true });
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw e;
  }
}
