// The ways between us and one peer through others: the one that we ask for, and those that the peer asked for.
//
//   event                            what is done
//   wanted, no way stands            setup to the best hop, passing over who failed of late
//   no hop                           back-off; then again, passing over nobody
//   refused, unanswered for 1 s      setup to another hop, passing over the culprit; back-off if there is none; and more patience
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
import { StandingWays, type Asked, type Way } from './standing-ways.js';

const PATIENCE_MS = 1_000; // doubled when it ran out: a first relay may be dead, or seven far away
const MAX_PATIENCE_MS = 8_000;
const LINGER_MS = 30_000;
const SETUPS_PER_S = 0.5;
const SETUPS_BURST = 8;

export class PeerWays {
  readonly #peer: PeerId;
  readonly #shared: Shared;
  readonly #setups = new TokenBucket(SETUPS_PER_S, SETUPS_BURST);
  readonly #passedOver = new PassedOver();
  #isWanted = false;
  #endAt = NEVER;
  #asked: Asked | undefined;
  #patienceMs = PATIENCE_MS;
  readonly #ways: StandingWays;
  #refreshAt = NEVER;
  /** Of the way in use, once it failed. */
  #failed: RelayToken | undefined;
  #beginAt = NEVER;
  #failures = 0;
  #isCutOff = false;
  #told: RelayWay | undefined;

  constructor(peer: PeerId, shared: Shared) {
    this.#peer = peer;
    this.#shared = shared;
    this.#ways = new StandingWays(peer, shared);
  }

  /** Is there nothing to keep? */
  get isIdle(): boolean {
    return !this.#isWanted && this.#asked === undefined && this.#ways.all.length === 0;
  }

  get dueAt(): Millis {
    const ways = this.#ways.all.map((way) => way.until);
    return Math.min(this.#endAt, this.#beginAt, this.#refreshAt, this.#asked?.until ?? NEVER, ...ways) as Millis;
  }

  has(token: RelayToken): boolean {
    return this.#asked?.token === token || this.#ways.of(token) !== undefined;
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
    const way = this.#ways.inUse;
    if (way?.via !== via) return [];
    this.#failed = way.token;
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
    for (const way of this.#ways.all.filter(({ until }) => now >= until))
      fx.push(this.#endOf(way, 'lost'), ...this.#lose(way, way.via, now));
    if (now >= this.#refreshAt) fx.push(...this.#refresh(now));
    if (now >= this.#beginAt) fx.push(...this.#mend(now));
    return [...fx, ...this.#tell()];
  }

  /** From a relay, and we are its destination. */
  setup(from: PeerId, { token, label, path }: Setup, now: Millis): RelaysFx[] {
    if (label === 0 || path.length < 2) return [drop('path')];
    const known = this.#ways.theirs.find((way) => way.token === token);
    if (known === undefined ? this.has(token) : known.via !== from) return [drop('token')];
    const way = { token, via: from, label, relays: path.length - 1, until: (now + FORGET_MS) as Millis };
    if (known !== undefined) Object.assign(known, way);
    else if (!this.#ways.addTheirs(way)) return [this.#endOf(way, 'full')];
    const { surplus } = this.#ways;
    const ready = { kind: 'ready', token, label: 0, relays: 0 } as const;
    const over = surplus === undefined ? [] : [this.#dismiss(surplus, 'unwanted')];
    return [...this.#tell(), { kind: 'say', to: from, frame: ready }, ...over];
  }

  ready(from: PeerId, { token, label, relays }: Ready, now: Millis): RelaysFx[] {
    const way = [this.#asked, this.#ways.ours].find((one) => one?.token === token);
    if (way?.via !== from) return [drop('token')];
    if (label === 0 || relays < 1 || relays > MAX_RELAYS) return [drop('label')];
    const fresh = { token, via: from, label, relays, until: (now + FORGET_MS) as Millis };
    if (way === this.#ways.ours) {
      if (token !== this.#failed) this.#failures = 0; // it has done its work for a while
      Object.assign(way, fresh);
      return this.#tell();
    }
    const replaced = this.#replaced();
    this.#asked = undefined;
    this.#patienceMs = PATIENCE_MS;
    this.#ways.setOurs(fresh);
    this.#refreshAt = (now + jittered(REFRESH_MS, this.#shared.random)) as Millis;
    return [...this.#tell(), ...replaced];
  }

  end(from: PeerId, { token, culprit }: End, now: Millis): RelaysFx[] {
    if (this.#asked?.token === token && this.#asked.via === from)
      return [...this.#refused(culprit, now), ...this.#tell()];
    const way = this.#ways.of(token);
    if (way?.via !== from) return [drop('token')];
    return [...this.#lose(way, culprit, now), ...this.#tell()];
  }

  /** The connection to a neighbour ended. */
  lost(neighbour: PeerId, now: Millis): RelaysFx[] {
    const ways = this.#ways.all.filter((way) => way.via === neighbour);
    const fx = ways.flatMap((way) => this.#lose(way, neighbour, now));
    if (this.#asked?.via === neighbour) fx.push(...this.#refused(neighbour, now));
    return [...fx, ...this.#tell()];
  }

  /** Gives up everything. */
  close(): RelaysFx[] {
    this.#isWanted = false;
    const theirs = this.#ways.theirs.map((way) => this.#dismiss(way, 'unwanted'));
    return [...this.#rest(), ...theirs, ...this.#tell()];
  }

  /** What the sleeve has to hear. A way that is lost stays its way while another is asked for: it may be ready in a moment. */
  #tell(): RelaysFx[] {
    const way = this.#ways.inUse;
    if (way === undefined && this.#isWanted && this.#asked !== undefined) return [];
    const { via, label, relays } = this.#told ?? {};
    if (way?.via === via && way?.label === label && way?.relays === relays) return [];
    this.#told = way && { via: way.via, label: way.label, relays: way.relays };
    return [{ kind: 'relayWay', peer: this.#peer, way: this.#told }];
  }

  /** Asks for a way, if one is wanted and what there is does not do. */
  #mend(now: Millis): RelaysFx[] {
    const way = this.#ways.inUse;
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
    this.#asked = { token, via, until: (now + this.#patienceMs) as Millis };
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
    this.#patienceMs = Math.min(2 * this.#patienceMs, MAX_PATIENCE_MS);
    return [this.#endOf(asked, 'unwanted'), ...this.#refused(asked.via, now)];
  }

  #refused(culprit: PeerId | undefined, now: Millis): RelaysFx[] {
    this.#asked = undefined;
    return this.#blame(culprit, now) ? this.#mend(now) : this.#later(now);
  }

  #refresh(now: Millis): RelaysFx[] {
    const way = this.#ways.ours!;
    if (way !== this.#ways.inUse) return [this.#dismiss(way, 'unwanted')];
    this.#refreshAt = (now + jittered(REFRESH_MS, this.#shared.random)) as Millis;
    return [this.#setupOf(way, [])];
  }

  /** What the way that is ready takes the place of. */
  #replaced(): RelaysFx[] {
    const [ours, failed] = [this.#ways.ours, this.#ways.theirs.find((way) => way.token === this.#failed)];
    this.#failed = undefined;
    return [
      ...(ours === undefined ? [] : [this.#dismiss(ours, 'unwanted')]),
      ...(failed === undefined ? [] : [this.#dismiss(failed, 'failed', failed.via)]),
    ];
  }

  #lose(way: Way, culprit: PeerId | undefined, now: Millis): RelaysFx[] {
    this.#drop(way);
    this.#blame(culprit, now);
    return this.#mend(now);
  }

  #drop(way: Way): void {
    if (way === this.#ways.ours) this.#refreshAt = NEVER;
    this.#ways.drop(way);
  }

  #dismiss(way: Way, reason: EndReason, culprit?: PeerId): RelaysFx {
    this.#drop(way);
    return this.#endOf(way, reason, culprit);
  }

  /** Nothing is wanted any more. */
  #rest(): RelaysFx[] {
    const { ours } = this.#ways;
    const fx = this.#asked === undefined ? [] : [this.#endOf(this.#asked, 'unwanted')];
    if (ours !== undefined) fx.push(this.#dismiss(ours, 'unwanted'));
    this.#asked = undefined;
    this.#failed = undefined;
    this.#passedOver.clear();
    this.#failures = 0;
    this.#isCutOff = false;
    [this.#beginAt, this.#endAt] = [NEVER, NEVER];
    return fx;
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
