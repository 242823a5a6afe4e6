// With whom this host wants keys for the sleeve: with everybody, but for those that are idle while their vxlan works.
import type { PeerId } from '../router/types.js';

/** Pure: owns whose session was asked for, and what decides it. */
export class SessionWants {
  /** Nobody has any use for them. */
  readonly #idle = new Set<PeerId>();
  readonly #vxlanDown = new Set<PeerId>();
  readonly #asked = new Set<PeerId>();

  setIdle(peer: PeerId, isIdle: boolean): void {
    if (isIdle) this.#idle.add(peer);
    else this.#idle.delete(peer);
  }

  setVxlan(peer: PeerId, isUp: boolean): void {
    if (isUp) this.#vxlanDown.delete(peer);
    else this.#vxlanDown.add(peer);
  }

  /** @param isOnVxlan does the vxlan carry what goes there? @returns what to say of it now; undefined if that was said before */
  step(peer: PeerId, isOnVxlan: boolean): boolean | undefined {
    const wanted = !(this.#idle.has(peer) && isOnVxlan && !this.#vxlanDown.has(peer));
    if (wanted === this.#asked.has(peer)) return undefined;
    if (wanted) this.#asked.add(peer);
    else this.#asked.delete(peer);
    return wanted;
  }

  /** The peer is gone. Whether anybody had a use for it is remembered, for that is said by others. */
  forget(peer: PeerId): void {
    this.#vxlanDown.delete(peer);
    this.#asked.delete(peer);
  }

  /** Nothing that was asked for is known any more: it is asked for again. */
  again(): void {
    this.#asked.clear();
  }
}
