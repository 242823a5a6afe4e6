// The state directory: one router at a time, every file replaced as a whole and synced, none overwritten that cannot be read.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { FILE_NAMES, NEWER, type StateFile } from './state-file.js';

const LOCK_NAME = 'lock';
/** Whoever reads these is us, or in our mesh. */
const KEY_FILES: readonly string[] = ['identity.json', 'secret.json'];

export type StateFault = 'in-use' | 'unwritable' | 'corrupt' | 'newer' | 'no-lock' | 'exposed';

/** The state directory cannot be used. Nothing in it was changed. The message is a sentence without its full stop. */
export class StateDirError extends Error {
  override readonly name = 'StateDirError';
  readonly fault: StateFault;
  /** A command, or what to do. */
  readonly remedy: string;

  constructor(fault: StateFault, message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
    this.remedy = remedy;
  }
}

/** An open directory, ours alone until `close` or the end of the process. Save a file either always `Sync` or never. */
export class StateDir {
  readonly path: string;
  readonly #lock: number;
  #closed = false;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /** Makes the directory (0700) where it is missing. @throws StateDirError in-use, unwritable, no-lock */
  static open(path: string): StateDir {
    const lock = openLock(path);
    try {
      takeLock(path, lock);
    } catch (e) {
      fs.closeSync(lock);
      throw e;
    }
    const dir = new StateDir(path, lock);
    dir.#removeLeftovers(/\.\d+$/); // of writes that a crash cut off
    return dir;
  }

  /** @returns undefined if there is no such file. @throws StateDirError corrupt, newer, unwritable (unreadable), exposed (a key, and others can read it) */
  load<T>(file: StateFile<T>): T | undefined {
    const path = join(this.path, file.name);
    let bytes: Uint8Array;
    try {
      if (KEY_FILES.includes(file.name)) refuseExposed(path);
      bytes = fs.readFileSync(path);
    } catch (e) {
      if (errno(e) === 'ENOENT') return undefined;
      if (e instanceof StateDirError) throw e;
      throw new StateDirError('unwritable', `cannot read "${path}": ${errno(e)}`, `ls -l ${path}`, e);
    }
    const decoded = file.decode(bytes);
    if (typeof decoded !== 'string') return decoded[0];
    if (decoded === NEWER)
      throw new StateDirError('newer', `"${path}" was written by a newer mesh`, 'install that version, or a later one');
    throw new StateDirError('corrupt', `"${path}" is corrupt: ${decoded}`, `restore it, or mv ${path} ${path}.corrupt`);
  }

  /** When it resolves, the new content is on disk, whole; before, the old is. Saves of one file follow one another. @throws StateDirError unwritable */
  async save<T>(file: StateFile<T>, value: T): Promise<void> {
    try {
      await writeFileAtomic(join(this.path, file.name), bufferOf(file.encode(value)), { mode: 0o600 });
      const dir = await fs.promises.open(this.path);
      await dir.sync().finally(() => dir.close()); // the rename is a change of the directory, not of the file
    } catch (e) {
      throw this.#unwritable(file.name, e);
    }
  }

  /** As `save`, done when it returns: for what must be on disk before a send. */
  saveSync<T>(file: StateFile<T>, value: T): void {
    try {
      writeFileAtomic.sync(join(this.path, file.name), bufferOf(file.encode(value)), { mode: 0o600 });
      const dir = fs.openSync(this.path, 'r');
      try {
        fs.fsyncSync(dir);
      } finally {
        fs.closeSync(dir);
      }
    } catch (e) {
      throw this.#unwritable(file.name, e);
    }
  }

  /** Removes every file of ours, and the directory if nothing else is in it. The lock is kept until `close`. */
  erase(): void {
    this.#removeLeftovers(/$/);
    fs.rmSync(join(this.path, LOCK_NAME), { force: true });
    try {
      fs.rmdirSync(this.path);
    } catch (e) {
      if (errno(e) !== 'ENOTEMPTY') throw this.#unwritable('', e);
    }
  }

  /** Another router may have it. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    fs.closeSync(this.#lock);
  }

  #removeLeftovers(ending: RegExp): void {
    const ours = (entry: string): boolean =>
      FILE_NAMES.some((n) => entry.startsWith(n) && ending.test(entry.slice(n.length)));
    for (const entry of fs.readdirSync(this.path).filter(ours)) fs.rmSync(join(this.path, entry), { force: true });
  }

  #unwritable(name: string, e: unknown): StateDirError {
    const path = join(this.path, name);
    return new StateDirError(
      'unwritable',
      `cannot write "${path}": ${why(e)}`,
      `df ${this.path}; ls -ld ${this.path}`,
      e,
    );
  }
}

/** @throws StateDirError; ErrnoException */
function refuseExposed(path: string): void {
  const mode = fs.statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  const remedy = `chmod 600 ${path}, if nobody has read it`;
  throw new StateDirError('exposed', `"${path}" can be read by others (mode 0${mode.toString(8)})`, remedy);
}

function openLock(path: string): number {
  try {
    makeDirectory(path);
    fs.accessSync(path, fs.constants.W_OK | fs.constants.X_OK);
    return fs.openSync(join(path, LOCK_NAME), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  } catch (e) {
    const remedy = 'sudo mesh launch, or another directory: mesh launch --state-dir';
    throw new StateDirError('unwritable', `cannot use the state directory "${path}": ${why(e)}`, remedy, e);
  }
}

/** Parents too. Node's own `recursive` never returns where a parent exists and mkdir says ENOENT, as under /proc. */
function makeDirectory(path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (e) {
    if (errno(e) === 'EEXIST' && fs.statSync(path).isDirectory()) return;
    if (errno(e) !== 'ENOENT' || dirname(path) === path || fs.existsSync(dirname(path))) throw e;
    makeDirectory(dirname(path));
    fs.mkdirSync(path, { mode: 0o700 });
  }
}

/**
 * Node has no flock(2). util-linux (or busybox) takes it for us on our own open file, which it inherits: the lock belongs
 * to the open file and stays when `flock` ends, until this process does. Unlike a pid file it cannot be stale, has no
 * race, and holds across pid and network namespaces, where a pid or an abstract socket means nothing.
 */
function takeLock(path: string, lock: number): void {
  const { status, error, stderr } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', lock] });
  if (status === 0) {
    fs.ftruncateSync(lock);
    fs.writeSync(lock, `${process.pid}\n`, 0); // for a person; nothing is decided by it
    return;
  }
  if (error !== undefined)
    throw new StateDirError(
      'no-lock',
      `cannot lock the state directory: no flock command`,
      'apt-get install util-linux',
      error,
    );
  if (status !== 1)
    throw new StateDirError('no-lock', `cannot lock "${path}": ${stderr.toString().trim()}`, 'use a local file system');
  const pid = fs.readFileSync(join(path, LOCK_NAME), 'utf8').trim();
  const holder = /^\d+$/.test(pid) ? `process ${pid}` : 'another process';
  throw new StateDirError(
    'in-use',
    `the state directory "${path}" is in use by another router (${holder})`,
    'mesh status',
  );
}

/** The same bytes: a record cache is some megabytes. */
const bufferOf = (b: Uint8Array): Buffer => Buffer.from(b.buffer, b.byteOffset, b.byteLength);

const errno = (e: unknown): string => (e as NodeJS.ErrnoException).code ?? String(e);

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left in the quota',
  ENOTDIR: 'it is not a directory',
  EEXIST: 'it is not a directory',
};

const why = (e: unknown): string => WORDS[errno(e)] ?? errno(e);
