// The ways between us and one peer through others: the one that we ask for, and those that the peer asked for.
//
//   event                            what is done
//   wanted, no way stands            setup to the best hop, passing over who failed of late
//   no hop                           back-off; then again, passing over nobody
//   refused, unanswered for 3 s      setup to another hop, passing over the culprit; back-off if there is none
//   ready                            the way stands; the one before is ended
//   the way in use failed            setup anew, passing over its first relay; it stays in use until another is ready
//   the way is lost                  setup anew, passing over the culprit
//   every 30 s                       our way in use: setup again, same token; not in use: end
//   90 s without an answer           the way is lost
//   no longer wanted for 30 s        our way is ended
//   setup of the peer                ready; two of its ways at most, the newest counts
//
// With a way of ours and one of the peer's, both ends use that of the lower id.
import { TokenBucket } from '../token-bucket.js';
import type { Millis, PeerId, RelayWay } from '../types.js';
import { backoff, jittered, NEVER } from '../waiting.js';
import {
  MAX_RELAYS,
  RELAY_TOKEN_BYTES,
  relayToken,
  type End,
  type EndReason,
  type Ready,
  type RelayToken,
  type Setup,
} from '../wire/relay.js';
import { PassedOver } from './passed-over.js';
import { drop, FORGET_MS, REFRESH_MS, type RelaysFx, type Shared } from './shared.js';

const ANSWER_MS = 3_000; // seven relays are passed twice, and some may be busy
const LINGER_MS = 30_000;
const MAX_THEIRS = 2; // the one in use, and the one that takes its place
const SETUPS_PER_S = 0.5;
const SETUPS_BURST = 8;

interface Asked {
  readonly token: RelayToken;
  readonly via: PeerId;
  /** Asked: until then it is to be answered. Standing: forgotten then, if nothing is heard before. */
  until: Millis;
}

interface Way extends Asked {
  label: number;
  relays: number;
}

export class PeerWays {
  readonly #peer: PeerId;
  readonly #shared: Shared;
  readonly #setups = new TokenBucket(SETUPS_PER_S, SETUPS_BURST);
  readonly #passedOver = new PassedOver();
  #isWanted = false;
  #endAt = NEVER;
  #asked: Asked | undefined;
  #ours: Way | undefined;
  #refreshAt = NEVER;
  /** The newest last. */
  #theirs: readonly Way[] = [];
  /** Of the way in use, once it failed. */
  #failed: RelayToken | undefined;
  #beginAt = NEVER;
  #failures = 0;
  #isCutOff = false;
  #told: RelayWay | undefined;

  constructor(peer: PeerId, shared: Shared) {
    this.#peer = peer;
    this.#shared = shared;
  }

  /** Is there nothing to keep? */
  get isIdle(): boolean {
    return !this.#isWanted && this.#asked === undefined && this.#standing().length === 0;
  }

  get dueAt(): Millis {
    const ways = this.#standing().map((way) => way.until);
    return Math.min(this.#endAt, this.#beginAt, this.#refreshAt, this.#asked?.until ?? NEVER, ...ways) as Millis;
  }

  has(token: RelayToken): boolean {
    return this.#asked?.token === token || this.#standing().some((way) => way.token === token);
  }

  wanted(isWanted: boolean, now: Millis): RelaysFx[] {
    if (this.#isWanted === isWanted) return [];
    this.#isWanted = isWanted;
    this.#endAt = isWanted ? NEVER : ((now + LINGER_MS) as Millis);
    this.#beginAt = NEVER;
    return [...this.#mend(now), ...this.#tell()];
  }

  failed(via: PeerId, now: Millis): RelaysFx[] {
    this.#blame(via, now);
    if (this.#inUse?.via !== via) return [];
    this.#failed = this.#inUse.token;
    return this.#beginAt === NEVER ? this.#mend(now) : [];
  }

  /** The topology is another: there may be a hop where there was none. */
  waysChanged(now: Millis): void {
    if (this.#isCutOff && this.#beginAt !== NEVER) this.#beginAt = now;
  }

  tick(now: Millis): RelaysFx[] {
    const fx: RelaysFx[] = [];
    if (now >= this.#endAt) fx.push(...this.#rest());
    if (this.#asked !== undefined && now >= this.#asked.until) fx.push(...this.#unanswered(this.#asked, now));
    for (const way of this.#standing().filter(({ until }) => now >= until))
      fx.push(this.#endOf(way, 'lost'), ...this.#lose(way, way.via, now));
    if (now >= this.#refreshAt) fx.push(...this.#refresh(now));
    if (now >= this.#beginAt) fx.push(...this.#mend(now));
    return [...fx, ...this.#tell()];
  }

  /** From a relay, and we are its destination. */
  setup(from: PeerId, { token, label, path }: Setup, now: Millis): RelaysFx[] {
    if (label === 0 || path.length < 2) return [drop('path')];
    const known = this.#theirs.find((way) => way.token === token);
    if (known === undefined ? this.has(token) : known.via !== from) return [drop('token')];
    const way = { token, via: from, label, relays: path.length - 1, until: (now + FORGET_MS) as Millis };
    const fx: RelaysFx[] = [];
    if (known !== undefined) Object.assign(known, way);
    else if (this.#shared.seats.take(from)) {
      this.#theirs = [...this.#theirs, way];
      if (this.#theirs.length > MAX_THEIRS) fx.push(this.#endOf(this.#drop(this.#theirs[0]!), 'unwanted'));
    } else return [this.#endOf(way, 'full')];
    const ready = { kind: 'ready', token, label: 0, relays: 0 } as const;
    return [...this.#tell(), { kind: 'say', to: from, frame: ready }, ...fx];
  }

  ready(from: PeerId, { token, label, relays }: Ready, now: Millis): RelaysFx[] {
    const isAsked = this.#asked?.token === token && this.#asked.via === from;
    const isAgain = this.#ours?.token === token && this.#ours.via === from;
    if (!isAsked && !isAgain) return [drop('token')];
    if (label === 0 || relays < 1 || relays > MAX_RELAYS) return [drop('label')];
    const until = (now + FORGET_MS) as Millis;
    if (isAgain) {
      if (token !== this.#failed) this.#failures = 0; // it has done its work for a while
      Object.assign(this.#ours!, { label, relays, until });
      return this.#tell();
    }
    const replaced = this.#replaced();
    this.#asked = undefined;
    this.#ours = { token, via: from, label, relays, until };
    this.#refreshAt = (now + jittered(REFRESH_MS, this.#shared.random)) as Millis;
    return [...this.#tell(), ...replaced];
  }

  end(from: PeerId, { token, culprit }: End, now: Millis): RelaysFx[] {
    if (this.#asked?.token === token && this.#asked.via === from)
      return [...this.#refused(culprit, now), ...this.#tell()];
    const way = this.#standing().find((one) => one.token === token && one.via === from);
    if (way === undefined) return [drop('token')];
    return [...this.#lose(way, culprit, now), ...this.#tell()];
  }

  /** The connection to a neighbour ended. */
  lost(neighbour: PeerId, now: Millis): RelaysFx[] {
    const ways = this.#standing().filter((way) => way.via === neighbour);
    const fx = ways.flatMap((way) => this.#lose(way, neighbour, now));
    if (this.#asked?.via === neighbour) fx.push(...this.#refused(neighbour, now));
    return [...fx, ...this.#tell()];
  }

  /** Gives up everything. */
  close(): RelaysFx[] {
    this.#isWanted = false;
    const theirs = this.#theirs.map((way) => this.#endOf(this.#drop(way), 'unwanted'));
    return [...this.#rest(), ...theirs, ...this.#tell()];
  }

  get #inUse(): Way | undefined {
    const theirs = this.#theirs.at(-1);
    return this.#shared.self < this.#peer ? (this.#ours ?? theirs) : (theirs ?? this.#ours);
  }

  #standing(): readonly Way[] {
    return this.#ours === undefined ? this.#theirs : [this.#ours, ...this.#theirs];
  }

  /** What the sleeve has to hear. A way that is lost stays its way while another is asked for: it may be ready in a moment. */
  #tell(): RelaysFx[] {
    const way = this.#inUse;
    if (way === undefined && this.#isWanted && this.#asked !== undefined) return [];
    const { via, label, relays } = this.#told ?? {};
    if (way?.via === via && way?.label === label && way?.relays === relays) return [];
    this.#told = way && { via: way.via, label: way.label, relays: way.relays };
    return [{ kind: 'relayWay', peer: this.#peer, way: this.#told }];
  }

  /** Asks for a way, if one is wanted and what there is does not do. */
  #mend(now: Millis): RelaysFx[] {
    const way = this.#inUse;
    const isMissing = this.#isWanted && (way === undefined || way.token === this.#failed);
    this.#beginAt = NEVER;
    return isMissing && this.#asked === undefined ? this.#begin(now) : [];
  }

  #begin(now: Millis): RelaysFx[] {
    let avoid = this.#passedOver.at(now);
    let via = this.#hop(avoid);
    if (via === undefined && this.#isCutOff) {
      this.#passedOver.clear(); // who failed is better than nobody
      avoid = [];
      via = this.#hop(avoid);
    }
    this.#isCutOff = via === undefined;
    if (via === undefined || !this.#setups.take(now)) return this.#later(now);
    const token = relayToken(this.#shared.entropy(RELAY_TOKEN_BYTES));
    this.#asked = { token, via, until: (now + ANSWER_MS) as Millis };
    return [this.#setupOf(this.#asked, avoid)];
  }

  #hop(avoid: readonly PeerId[]): PeerId | undefined {
    return this.#shared.hop(this.#peer, { passOver: new Set(avoid), maxRelays: MAX_RELAYS, canBeLast: false });
  }

  #later(now: Millis): RelaysFx[] {
    this.#beginAt = (now + backoff(this.#failures++, this.#shared.random)) as Millis;
    return [];
  }

  #setupOf({ token, via }: Asked, avoid: readonly PeerId[]): RelaysFx {
    const path = [this.#shared.self];
    return { kind: 'say', to: via, frame: { kind: 'setup', token, label: 0, destination: this.#peer, path, avoid } };
  }

  #unanswered(asked: Asked, now: Millis): RelaysFx[] {
    return [this.#endOf(asked, 'unwanted'), ...this.#refused(asked.via, now)];
  }

  #refused(culprit: PeerId | undefined, now: Millis): RelaysFx[] {
    this.#asked = undefined;
    return this.#blame(culprit, now) ? this.#mend(now) : this.#later(now);
  }

  #refresh(now: Millis): RelaysFx[] {
    const way = this.#ours!;
    if (way !== this.#inUse) return [this.#endOf(this.#drop(way), 'unwanted')];
    this.#refreshAt = (now + jittered(REFRESH_MS, this.#shared.random)) as Millis;
    return [this.#setupOf(way, [])];
  }

  /** What the way that is ready takes the place of. */
  #replaced(): RelaysFx[] {
    const failed = this.#theirs.find((way) => way.token === this.#failed);
    this.#failed = undefined;
    return [
      ...(this.#ours === undefined ? [] : [this.#endOf(this.#drop(this.#ours), 'unwanted')]),
      ...(failed === undefined ? [] : [this.#endOf(this.#drop(failed), 'failed', failed.via)]),
    ];
  }

  #lose(way: Way, culprit: PeerId | undefined, now: Millis): RelaysFx[] {
    this.#drop(way);
    this.#blame(culprit, now);
    return this.#mend(now);
  }

  #drop(way: Way): Way {
    if (way === this.#ours) {
      this.#ours = undefined;
      this.#refreshAt = NEVER;
    } else {
      this.#theirs = this.#theirs.filter((one) => one !== way);
      this.#shared.seats.release(way.via);
    }
    return way;
  }

  /** Nothing is wanted any more. */
  #rest(): RelaysFx[] {
    const ours = [this.#asked, this.#ours && this.#drop(this.#ours)].filter((way) => way !== undefined);
    this.#asked = undefined;
    this.#failed = undefined;
    this.#passedOver.clear();
    this.#failures = 0;
    this.#isCutOff = false;
    [this.#beginAt, this.#endAt] = [NEVER, NEVER];
    return ours.map((way) => this.#endOf(way, 'unwanted'));
  }

  #endOf({ token, via }: Asked, reason: EndReason, culprit?: PeerId): RelaysFx {
    return { kind: 'say', to: via, frame: { kind: 'end', token, reason, culprit } };
  }

  /** @returns may another way be tried at once? Not when it is the peer itself that refuses */
  #blame(culprit: PeerId | undefined, now: Millis): boolean {
    if (culprit === undefined || culprit === this.#peer || culprit === this.#shared.self) return false;
    this.#passedOver.add(culprit, now);
    return true;
  }
}
