// A host's state directory. What the router writes at once is there at once; the record cache and the targets are written
// after a while, as a whole, and a crash before that leaves what was: a write is never half there.
import type { LocalEndpoint } from '../../../router/local-endpoints.js';
import type { Remotes } from '../../../router/peer-book.js';
import type { Secrets } from '../../../router/trust/secrets.js';
import type { PeerId } from '../../../router/types.js';

/** What a router finds on its disk: what it wrote; an earlier state of it, as from a backup; or a new, empty one. */
export type DiskState = 'kept' | 'old' | 'none';

/** How a router is launched again. */
export interface Restart {
  readonly disk?: DiskState;
  /** Whom it dials, besides those it dialled before. */
  readonly dial?: readonly string[];
}

/** As `cli/daemon/persistence.ts` waits before it writes, ms. */
const SOON_MS = { cache: 1_500, targets: 250 };
const WRITE_MS = 5;
const MAX_VERSIONS = 8;

export interface DiskContent {
  /** Which key it holds: a directory that was lost has another one after it. */
  readonly identity: number;
  readonly incarnation: number;
  /** What is attached, by endpoint id. */
  readonly endpoints: Map<string, LocalEndpoint>;
  readonly cache: Uint8Array | undefined;
  readonly targets: readonly string[];
  readonly remotes: ReadonlyMap<PeerId, Remotes>;
  /** Undefined: none was kept. */
  readonly secrets: Secrets | undefined;
}

/** What the router would write now. */
export interface DiskSource {
  cache(): Uint8Array;
  targets(): Pick<DiskContent, 'targets' | 'remotes'>;
}

export class Disk {
  /** What a launch finds. */
  content: DiskContent;
  readonly #isInstant: boolean;
  /** Earlier contents, the oldest first. */
  #versions: DiskContent[] = [];
  #backup: DiskContent | undefined;
  #source: DiskSource | undefined;
  #after: (ms: number, run: () => void) => void = () => undefined;
  #waiting = new Set<'cache' | 'targets'>();

  /** @param isInstant is everything on it the moment that it changes? Then a crash costs nothing, and only `backUp` keeps an older version */
  constructor(isInstant: boolean) {
    this.#isInstant = isInstant;
    this.content = blank(0);
  }

  /** A router was launched on it. @param after its process's timer */
  mount(source: DiskSource, after: (ms: number, run: () => void) => void): void {
    this.#source = source;
    this.#after = after;
    this.#waiting = new Set();
  }

  /** Synced before it returns. */
  write(change: Partial<DiskContent>): void {
    if (!this.#isInstant) this.#versions.push(this.content);
    if (this.#versions.length > MAX_VERSIONS) this.#versions.shift();
    this.content = { ...this.content, ...change };
  }

  /** Synced before it returns, so before it is announced. @param endpoint undefined: it is attached no longer */
  writeEndpoint(id: string, endpoint: LocalEndpoint | undefined): void {
    // A copy is for older versions to be as they were.
    const endpoints = this.#isInstant ? this.content.endpoints : new Map(this.content.endpoints);
    if (endpoint === undefined) endpoints.delete(id);
    else endpoints.set(id, endpoint);
    this.write({ endpoints });
  }

  /** A copy for `turnBack`, of what is on it now and of what would be were the router stopped. */
  backUp(): void {
    this.#backup = { ...this.content, endpoints: new Map(this.content.endpoints), ...this.#readAll() };
  }

  /** The router asks for it to be written soon. */
  later(what: 'cache' | 'targets'): void {
    if (this.#isInstant || this.#waiting.has(what)) return;
    this.#waiting.add(what);
    this.#after(SOON_MS[what], () => {
      this.#waiting.delete(what);
      const change = this.#read(what);
      this.#after(WRITE_MS, () => this.write(change));
    });
  }

  /** Everything that waits is written: the router was stopped. */
  flush(): void {
    this.write(this.#readAll());
    this.#source = undefined;
  }

  /** The process is gone, and with it what it had not written. */
  crash(): void {
    if (this.#isInstant) this.flush();
    this.#source = undefined;
  }

  /** As it was at `backUp`, or else some writes ago, or else not at all. */
  turnBack(): void {
    this.content = this.#backup ?? this.#versions[0] ?? this.content;
    this.#versions = [];
  }

  /** It is another, new one. */
  lose(): void {
    this.content = blank(this.content.identity + 1);
    this.#versions = [];
    this.#backup = undefined;
  }

  #read(what: 'cache' | 'targets'): Partial<DiskContent> {
    if (this.#source === undefined) return {};
    return what === 'cache' ? { cache: this.#source.cache() } : this.#source.targets();
  }

  #readAll(): Partial<DiskContent> {
    return { ...this.#read('cache'), ...this.#read('targets') };
  }
}

const blank = (identity: number): DiskContent => ({
  identity,
  incarnation: 0,
  endpoints: new Map(),
  cache: undefined,
  targets: [],
  remotes: new Map(),
  secrets: undefined,
});
