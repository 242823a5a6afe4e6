// When the router's state reaches the disk: targets soon, the record cache now and then, endpoints at once; each as a whole.
import type { StateDir } from '../../router/index.js';
import { cacheFile, endpointsFile, targetsFile, type EndpointsOnDisk, type TargetsOnDisk } from './state.js';

export interface Persistence {
  /** Something changed; it is written soon. */
  later(what: 'cache' | 'targets'): void;
  /** Everything that waits is written; used once, at the end. */
  flush(): Promise<void>;
  /** Nothing more is written once it has resolved; what waits is forgotten. Used once, at the end. */
  drop(): Promise<void>;
}

/** What a crash may lose of the cache is still in the kernel, and peers tell it at the next launch; a target is lost. */
const SOON_MS = { cache: 1_500, targets: 250 };
/** A large cache is not written all the time: each write rests for this many times its own duration. */
const REST_FACTOR = 20;

/** @param onError a write failed: said, and tried again with the next change */
export function createPersistence(
  dir: StateDir,
  read: { readonly cache: () => Uint8Array; readonly targets: () => TargetsOnDisk },
  onError: (e: unknown) => void,
): Persistence {
  const files = {
    cache: () => dir.save(cacheFile, read.cache()),
    targets: () => dir.save(targetsFile, read.targets()),
  };
  const timers = new Map<string, NodeJS.Timeout>();
  const restUntil = new Map<string, number>();

  const writing = new Map<string, Promise<void>>();
  let isOver = false;

  const write = (what: 'cache' | 'targets'): Promise<void> => {
    const run = (writing.get(what) ?? Promise.resolve()).then(() => save(what));
    writing.set(what, run);
    return run;
  };
  const save = async (what: 'cache' | 'targets'): Promise<void> => {
    const startedAt = performance.now();
    await files[what]().catch(onError);
    restUntil.set(what, performance.now() + REST_FACTOR * (performance.now() - startedAt));
  };
  const later = (what: 'cache' | 'targets'): void => {
    if (timers.has(what) || isOver) return;
    const waitMs = Math.max(SOON_MS[what], (restUntil.get(what) ?? 0) - performance.now());
    const timer = setTimeout(() => {
      timers.delete(what); // a change during the write is one more write
      void write(what);
    }, waitMs);
    timers.set(what, timer.unref());
  };
  const end = (): void => {
    isOver = true;
    for (const timer of timers.values()) clearTimeout(timer);
  };
  return {
    later,
    async flush() {
      end();
      await Promise.all([write('cache'), write('targets')]);
    },
    async drop() {
      end();
      await Promise.all(writing.values());
    },
  };
}

/** Endpoints and exposed addresses share a file and change apart. Each is synced when it returns. @throws StateDirError */
export interface EndpointsKeeper {
  readonly endpoints: (endpoints: EndpointsOnDisk['endpoints']) => void;
  readonly exposed: (exposed: EndpointsOnDisk['exposed']) => void;
}

export function endpointsKeeper(dir: StateDir, onDisk: EndpointsOnDisk): EndpointsKeeper {
  let kept = onDisk;
  const save = (change: Partial<EndpointsOnDisk>): void => {
    kept = { ...kept, ...change };
    dir.saveSync(endpointsFile, kept);
  };
  return { endpoints: (endpoints) => save({ endpoints }), exposed: (exposed) => save({ exposed }) };
}
