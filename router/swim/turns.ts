// Whose turn it is to be probed. Pure.
import type { Random } from '../core.js';
import type { PeerId } from '../types.js';
import type { Roster } from './roster.js';

/**
 * Every second turn is for our successor, the next member by id, all ids taken as a ring; the others go round all members in
 * random order (SWIM §4.3). So each member has one who asks it every two intervals. By chance alone, however many probe, it takes
 * e times as long until all but 5 in 100 of those that die have been probed, and there is no end to it for the rest.
 */
export class Turns {
  readonly #self: PeerId;
  readonly #members: Roster;
  readonly #random: Random;
  #round: PeerId[] = [];
  #isRound = false;

  /** @param members whoever may be probed, as they are at each turn; `self` is not one of them */
  constructor(self: PeerId, members: Roster, random: Random) {
    this.#self = self;
    this.#members = members;
    this.#random = random;
  }

  /** A new member has its turn in this round, too. */
  joined(peer: PeerId): void {
    this.#round.splice(Math.floor(this.#random() * (this.#round.length + 1)), 0, peer);
  }

  /**
   * @param isDoubted others look after it; the one beyond it is our successor then
   * @param isProbed it is being asked already
   */
  next(isDoubted: (peer: PeerId) => boolean, isProbed: (peer: PeerId) => boolean): PeerId | undefined {
    this.#isRound = !this.#isRound;
    const successor = this.#isRound ? undefined : this.#successor(isDoubted);
    return successor !== undefined && !isProbed(successor) ? successor : this.#nextInRound(isProbed);
  }

  #nextInRound(isProbed: (peer: PeerId) => boolean): PeerId | undefined {
    if (this.#round.length === 0) this.#round = this.#members.sample(this.#members.size, this.#random);
    for (let peer = this.#round.pop(); peer !== undefined; peer = this.#round.pop())
      if (this.#members.has(peer) && !isProbed(peer)) return peer;
    return undefined;
  }

  #successor(isDoubted: (peer: PeerId) => boolean): PeerId | undefined {
    let [first, above]: (PeerId | undefined)[] = [];
    for (const peer of this.#members) {
      if (isDoubted(peer)) continue;
      if (first === undefined || peer < first) first = peer;
      if (peer > this.#self && (above === undefined || peer < above)) above = peer;
    }
    return above ?? first;
  }
}
