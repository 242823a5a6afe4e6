import type { Millis, PeerId } from '../types.js';
import type { RelayToken } from '../wire/relay.js';
import type { Shared } from './shared.js';

/** What is agreed on, or asked for. */
export interface Asked {
  readonly token: RelayToken;
  /** The relay next to us. */
  readonly via: PeerId;
  /** Asked: until then it is to be answered. Standing: forgotten then, if nothing is heard before. */
  until: Millis;
}

export interface Way extends Asked {
  label: number;
  relays: number;
}

const MAX_THEIRS = 2; // the one in use, and the one that takes its place

/** The ways between us and one peer: the one that we asked for, and those that the peer did. A seat is taken for each of these. */
export class StandingWays {
  readonly #shared: Shared;
  readonly #isOursFirst: boolean;
  #ours: Way | undefined;
  /** The newest last. */
  #theirs: readonly Way[] = [];

  constructor(peer: PeerId, shared: Shared) {
    this.#shared = shared;
    this.#isOursFirst = shared.self < peer;
  }

  get ours(): Way | undefined {
    return this.#ours;
  }

  get theirs(): readonly Way[] {
    return this.#theirs;
  }

  get all(): readonly Way[] {
    return this.#ours === undefined ? this.#theirs : [this.#ours, ...this.#theirs];
  }

  /** That of the lower id, at both ends; of two by the same end the newest. */
  get inUse(): Way | undefined {
    const theirs = this.#theirs.at(-1);
    return this.#isOursFirst ? (this.#ours ?? theirs) : (theirs ?? this.#ours);
  }

  of(token: RelayToken | undefined): Way | undefined {
    return this.all.find((way) => way.token === token);
  }

  /** In the place of ours, if there is one: that is to be dropped before. */
  setOurs(way: Way): void {
    this.#ours = way;
  }

  /** @returns false: there is no seat for it */
  addTheirs(way: Way): boolean {
    if (!this.#shared.seats.take(way.via)) return false;
    this.#theirs = [...this.#theirs, way];
    return true;
  }

  /** One of theirs that is too many. */
  get surplus(): Way | undefined {
    return this.#theirs.length > MAX_THEIRS ? this.#theirs[0] : undefined;
  }

  drop(way: Way): void {
    if (way === this.#ours) this.#ours = undefined;
    else {
      this.#theirs = this.#theirs.filter((one) => one !== way);
      this.#shared.seats.release(way.via);
    }
  }
}
