// Who owns a key that several peers may claim. As EVPN's mobility sequence (RFC 7432 §7.7): the higher sequence wins; on
// a tie the higher peer id. Unlike there, a withdrawal keeps its rank, so an older claim never comes back through it.
import type { PeerId } from '../types.js';
import { MAX_SEQ, type Topic } from '../wire/block.js';
import { sameBytes } from '../wire/bytes.js';
import type { RecordChange } from './chain.js';

/** One peer's latest word on a key; `value` undefined is a withdrawal. */
interface Claim {
  readonly owner: PeerId;
  readonly seq: number;
  readonly value: Uint8Array | undefined;
}

export interface Winner {
  readonly owner: PeerId;
  readonly seq: number;
  readonly value: Uint8Array;
}

export interface WinnerChange {
  readonly topic: Topic;
  readonly key: string;
  readonly winner: Winner | undefined;
  readonly previous: Winner | undefined;
}

/** A live claim that does not win. `outranked`: what beats it is itself withdrawn, so claiming again with seq+1 is right. */
export interface LostClaim {
  readonly topic: Topic;
  readonly key: string;
  readonly seq: number;
  readonly by: PeerId;
  readonly bySeq: number;
  readonly outranked: boolean;
}

/** Highest rank first; only keys with several claims pay for a list. */
type Slot = Claim | Claim[];

/**
 * The winner of a key is the highest of all owners' latest records for it, live or withdrawn, by (seq, owner); if that one
 * is withdrawn nobody owns the key. It is a function of the records alone, so all who hold the same records agree.
 * Records with seq 0 are not claims and are passed over.
 */
export class Claims {
  readonly #topics = new Map<Topic, Map<string, Slot>>();
  /** Keys with more than one claim, by topic: the only ones that can have losers. */
  readonly #contested = new Map<Topic, Set<string>>();

  /** @returns what it changes in who owns what; nothing if only a sequence moved */
  apply(change: RecordChange): readonly WinnerChange[] {
    const { topic, key, owner, seq } = change;
    const before = this.#slot(topic, key);
    if (before === undefined) return this.#first(change);
    const claims = isList(before) ? before : [before];
    const at = claims.findIndex((c) => c.owner === owner);
    const isClaim = counts(change);
    if (!isClaim && at < 0) return [];
    const previous = winnerOf(claims);
    if (at >= 0) claims.splice(at, 1);
    if (isClaim) insert(claims, { owner, seq, value: change.value });
    this.#set(topic, key, claims);
    const winner = winnerOf(claims);
    return isSameWinner(winner, previous) ? [] : [{ topic, key, winner, previous }];
  }

  /** The highest sequence anybody used for the key, withdrawals included; 0 if none. A new claim takes one more. */
  highestSeq(topic: Topic, key: string): number {
    return claimsOf(this.#slot(topic, key))[0]?.seq ?? 0;
  }

  holderOf(topic: Topic, key: string): Winner | undefined {
    return winnerOf(claimsOf(this.#slot(topic, key)));
  }

  /** All owned keys of a topic. */
  *holders(topic: Topic): Iterable<readonly [key: string, winner: Winner]> {
    for (const [key, slot] of this.#topics.get(topic) ?? []) {
      const winner = winnerOf(claimsOf(slot));
      if (winner !== undefined) yield [key, winner];
    }
  }

  /** The live claims of `self` that do not win, and to whom they lose. */
  losersOf(self: PeerId): readonly LostClaim[] {
    const lost: LostClaim[] = [];
    for (const [topic, keys] of this.#contested) {
      for (const key of keys) {
        const claims = claimsOf(this.#slot(topic, key));
        const mine = claims.find((c) => c.owner === self);
        const top = claims[0]!;
        if (mine?.value === undefined || mine === top) continue;
        lost.push({ topic, key, seq: mine.seq, by: top.owner, bySeq: top.seq, outranked: top.value === undefined });
      }
    }
    return lost;
  }

  /**
   * May `owner` drop the tombstone that `gone` speaks of? Not while it keeps another's live claim from coming back.
   * If it may, it is forgotten here as well. For `StoreOptions.mayDrop`.
   */
  release(gone: RecordChange): boolean {
    const claims = claimsOf(this.#slot(gone.topic, gone.key));
    const at = claims.findIndex((c) => c.owner === gone.owner);
    if (at >= 0 && claims.slice(at + 1).some((c) => c.value !== undefined)) return false;
    this.apply(gone);
    return true;
  }

  /** Of a key that nobody claimed before: by far the most, when a peer is met that has many. */
  #first(change: RecordChange): readonly WinnerChange[] {
    if (!counts(change)) return [];
    const { topic, key, owner, seq, value } = change;
    const claim: Claim = { owner, seq, value };
    const slots = this.#topics.get(topic) ?? new Map<string, Slot>();
    this.#topics.set(topic, slots.set(key, claim));
    const winner = winnerOf([claim]);
    return winner === undefined ? [] : [{ topic, key, winner, previous: undefined }];
  }

  #slot(topic: Topic, key: string): Slot | undefined {
    return this.#topics.get(topic)?.get(key);
  }

  #set(topic: Topic, key: string, claims: Claim[]): void {
    const slots = this.#topics.get(topic) ?? new Map<string, Slot>();
    const contested = this.#contested.get(topic) ?? new Set<string>();
    this.#topics.set(topic, slots);
    this.#contested.set(topic, contested);
    if (claims.length === 0) slots.delete(key);
    else slots.set(key, claims.length === 1 ? claims[0]! : claims);
    if (claims.length > 1) contested.add(key);
    else contested.delete(key);
    if (slots.size > 0) return;
    this.#topics.delete(topic);
    this.#contested.delete(topic);
  }
}

/**
 * Nothing outranks a withdrawal with the highest sequence of all, so it would take the key from all lower ids for good: whoever claims
 * with it (a member that lies) would spoil an address for the honest that had it after him.
 */
const counts = ({ seq, value, gone }: RecordChange): boolean =>
  !gone && seq > 0 && (value !== undefined || seq < MAX_SEQ);

function claimsOf(slot: Slot | undefined): readonly Claim[] {
  if (slot === undefined) return [];
  return isList(slot) ? slot : [slot];
}

const isList = (slot: Slot): slot is Claim[] => Array.isArray(slot);

/** Of a shared record everybody keeps a copy: a thousand claims, each of which finds its place without sorting the others. */
function insert(claims: Claim[], one: Claim): void {
  let [low, high] = [0, claims.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byRank(claims[middle]!, one) < 0) low = middle + 1;
    else high = middle;
  }
  claims.splice(low, 0, one);
}

const byRank = (a: Claim, b: Claim): number => b.seq - a.seq || (a.owner > b.owner ? -1 : 1);

function winnerOf(claims: readonly Claim[]): Winner | undefined {
  const top = claims[0];
  return top?.value === undefined ? undefined : (top as Winner);
}

function isSameWinner(a: Winner | undefined, b: Winner | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.owner === b.owner && sameBytes(a.value, b.value);
}
