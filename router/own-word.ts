// What a router says of itself: in which incarnation, at which addresses, and that it ends; and how soon others hear of it.
import type { Ledger } from './ledger.js';
import type { RouterEffect, RouterEvent } from './router-events.js';
import type { RouterOptions } from './router-options.js';
import type { Millis, SocketAddress } from './types.js';
import type { Hello } from './wire/hello.js';

const CORE_PUSH_MS = 200; // connections come up and are measured in flocks
/** Where nobody is connected to all, one connection more or less changes little for others, and each word of it goes to very many. */
const SPARSE_CORE_PUSH_MS = 1_000;
/** What we say depends on what others said, so before these all is learnt. */
const SPEAKS: ReadonlySet<RouterEvent['kind']> = new Set([
  'started',
  'raised',
  'forgetPeer',
  'evict',
  'rotate',
  'announce',
  'withdraw',
  'ending',
]);

export const speaks = (ev: RouterEvent): boolean => SPEAKS.has(ev.kind);

export class OwnWord {
  readonly #options: RouterOptions;
  readonly #ledger: Ledger;
  #addresses: readonly SocketAddress[];
  #incarnation: number;
  #isEnding = false;
  /** Not before this the `core` stream goes out again. */
  #pushAt = -Infinity as Millis;

  constructor(options: RouterOptions, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#addresses = options.addresses;
    this.#incarnation = options.incarnation;
  }

  /** In which our streams are written: that of the launch, or the one it was raised to. */
  get incarnation(): number {
    return this.#incarnation;
  }

  get addresses(): readonly SocketAddress[] {
    return this.#addresses;
  }

  hello(dialled: SocketAddress | undefined): Hello {
    const { self: id, trust, name, port, launch, softwareVersion } = this.#options;
    const { publicKey } = trust.signer;
    return { id, publicKey, name, incarnation: this.#incarnation, port, launch, softwareVersion, dialled };
  }

  moved(addresses: readonly SocketAddress[]): void {
    this.#addresses = addresses;
    this.#ledger.publisher.peer(addresses, 'running');
  }

  raised(incarnation: number): void {
    if (incarnation <= this.#incarnation) return;
    this.#pushAt = -Infinity as Millis; // else others have our addresses and do not know whose they are
    this.#incarnation = incarnation;
    this.#options.store.raise(incarnation);
    this.#ledger.isCoreDirty = true;
  }

  ends(state: 'stopped' | 'left'): void {
    this.#isEnding = true;
    this.#pushAt = -Infinity as Millis; // the last word does not wait
    const { local, publisher } = this.#ledger;
    if (state === 'left') for (const e of local.all()) this.#ledger.withdraw(e.id);
    if (state === 'left') publisher.gone(this.#options.self, this.#incarnation, 'left');
    publisher.peer(this.#addresses, state);
  }

  /** Is there nothing to be done about it? Who ends and hears that it is gone hears its own last word. */
  isMoot(fx: RouterEffect): boolean {
    return fx.kind === 'raiseIncarnation' && (this.#isEnding || fx.above < this.#incarnation);
  }

  /** Is there news of the `core` stream that may go out now? */
  isDue(now: Millis): boolean {
    return this.#ledger.isCoreDirty && now >= this.#pushAt;
  }

  said(isSparse: boolean, now: Millis): void {
    this.#ledger.isCoreDirty = false;
    this.#pushAt = (now + (isSparse ? SPARSE_CORE_PUSH_MS : CORE_PUSH_MS)) as Millis;
  }

  nextDeadline(): Millis | undefined {
    return this.#ledger.isCoreDirty ? this.#pushAt : undefined;
  }
}
