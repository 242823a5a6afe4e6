// How a mesh changes its secret while it runs (docs/protocol.md, Rotation). Pure.
//
//   state     event                          next      what is done
//   steady    ordered, or told of a newer    changing  to disk; whom it names is evicted; publish it; have, to all neighbours
//   changing  told of a still newer          changing  the same; all others stay accepted
//   changing  all who are alive have it      changing  what is begun is under it
//   changing  3 s of that, or 10 min in all  steady    no other is accepted; who has not shown that it has it is cut off
//   any       a stream came up               same      have
//   any       have, of a newer one           same      want, of one neighbour after the other
//   any       have, of one that we have      same      the higher number counts
//   any       tell, unasked, or by one who is no   same      none
//             member, or of whom the order is not
//   any       want, of a member, or of one   same      tell
//             who has shown that it has it
//
// Records say of this only which secret a router has, by its key id. An order goes over sealed streams, once to each router, and
// only to those who were members when it was written: with the old secret anybody can become one as long as it is accepted.
import type { Millis, PeerId } from '../types.js';
import {
  decodeRotation,
  encodeRotation,
  MAX_ORDER_EVICTED,
  MAX_ORDER_MEMBERS,
  MAX_ROTATION,
} from '../wire/rotation.js';
import { Holders, haveOf, type Have } from './holders.js';
import {
  MAX_REORDERED,
  MAX_ROTATIONS_AHEAD,
  OFFER_MS,
  ORDER_WITHIN_MS,
  RETIRE_AFTER_MS,
  RETIRE_WITHIN_MS,
} from './limits.js';
import type { MeshKeys } from './mesh-keys.js';
import { orderOf, signedOrder, verifiedOrder, type KnownOrder } from './order.js';
import { clashes, heldNamed, heldSecret, isNewer, newestOf, retired, taken } from './secrets.js';
import type { RotationHooks } from './rotation-world.js';
import type { HeldSecret, Secrets } from './secrets.js';
import type { Trust } from './trust.js';

export type { RotationHooks };

/** What an operator, or the disk, says of the mesh's secret. */
export type RotationRequest =
  /** Make it the mesh's. @see Rotation.objection */
  | { readonly kind: 'rotate'; readonly text: string; readonly root: Uint8Array }
  /** It is the mesh's now, or so an operator says; undefined: nobody says so any more. */
  | { readonly kind: 'offer'; readonly secret: HeldSecret | undefined }
  /** We are of another mesh from now on. */
  | { readonly kind: 'trusted'; readonly secrets: Secrets };

export class Rotation {
  readonly #hooks: RotationHooks;
  readonly #self: PeerId;
  readonly #holders: Holders;
  #trust: Trust;
  /** Undefined: an open mesh, or a router that keeps the keys it was given. */
  #secrets: Secrets | undefined;
  /** By which the newest became it, as far as we were told. */
  #order: KnownOrder | undefined;
  #takenAt = -Infinity as Millis;
  #allHaveAt: Millis | undefined;
  /** Who lives, may have the newest, and has not said that it does. */
  readonly #lacking = new Set<PeerId>();
  /** Which order each neighbour was told on its stream. */
  readonly #told = new Map<PeerId, Uint8Array>();
  /** Neighbours that may have an order for us, and were not asked. */
  readonly #unasked = new Set<PeerId>();
  /** Whom we asked last, and until when nobody else is. */
  #asked: { readonly of: PeerId; readonly until: Millis } | undefined;
  /** Whom we asked, and who has not told us yet. */
  readonly #mayTell = new Set<PeerId>();
  /** The last order of one who is no member yet, as far as we know. */
  #unvouched: { readonly by: PeerId; readonly signed: Uint8Array } | undefined;
  /** How often in this change we ordered anew what another had. */
  #reordered = 0;
  #offer: { readonly secret: HeldSecret; readonly until: Millis } | undefined;

  constructor(self: PeerId, trust: Trust, secrets: Secrets | undefined, hooks: RotationHooks) {
    this.#self = self;
    this.#hooks = hooks;
    this.#trust = trust;
    this.#holders = new Holders((peer) => hooks.stream(peer));
    if (secrets !== undefined) this.#set(secrets, secrets.held.at(-1)!.keys.id);
  }

  /** Who we are, and what we accept now. */
  get trust(): Trust {
    return this.#trust;
  }

  get secrets(): Secrets | undefined {
    return this.#secrets;
  }

  /** Is more than one secret accepted? */
  get isUnderWay(): boolean {
    return (this.#secrets?.held.length ?? 0) > 1;
  }

  /** Who ordered that the newest be it; undefined: nobody, or we were not told. */
  get orderedBy(): PeerId | undefined {
    return this.#order?.by;
  }

  /** For how long another than the newest is accepted at most; undefined: none is. */
  oldEndsMs(now: Millis): number | undefined {
    return this.isUnderWay ? Math.max(0, this.#retireAt() - now) : undefined;
  }

  /** May a router tell it of the newest? If not, an operator has to. */
  mayHave(peer: PeerId): boolean {
    return this.#order?.isFor.has(peer) ?? true;
  }

  hasNewest(peer: PeerId): boolean {
    return this.#secrets !== undefined && this.#holders.says(peer, newestOf(this.#secrets).keys.id);
  }

  /** How many secrets there are to dial with. */
  get dialWays(): number {
    return this.#dialKeys().length;
  }

  /** @param turn of a stream that is dialled: how often it was refused for its secret. Undefined: of one that is accepted */
  trustFor(turn: number | undefined): Trust {
    if (turn === undefined) return this.#trust;
    const all = this.#dialKeys();
    return { ...this.#trust, keys: all[turn % all.length]! };
  }

  /** What an operator offers comes first, then what is in use. */
  #dialKeys(): readonly MeshKeys[] {
    const { keys, alsoAccepted } = this.#trust;
    return [...(this.#offer === undefined ? [] : [this.#offer.secret.keys]), keys, ...alsoAccepted];
  }

  /** @returns why it cannot be the next secret, as a sentence about it */
  objection(root: Uint8Array): string | undefined {
    if (this.#secrets === undefined) return 'this mesh is open: it has no secret';
    const { id } = heldSecret('', root).keys;
    if (id === newestOf(this.#secrets).keys.id) return 'it is the secret that the mesh has';
    const isKnown = heldNamed(this.#secrets, id) !== undefined || this.#secrets.former.includes(id);
    return isKnown ? 'the mesh had it before' : undefined;
  }

  request(ev: RotationRequest, now: Millis): void {
    if (ev.kind === 'rotate') return this.#write(ev.text, ev.root, now);
    if (ev.kind === 'offer') return this.#offered(ev.secret, now);
    this.#set(ev.secrets, newestOf(ev.secrets).keys.id);
    this.#hooks.keep(ev.secrets);
  }

  /** All that the disk remembers is known. */
  started(now: Millis): void {
    if (this.#secrets === undefined) return;
    this.#takenAt = now;
    this.#order = orderOf(newestOf(this.#secrets));
    this.#recount(now);
    if (newestOf(this.#secrets).number > 0) this.#hooks.publish(newestOf(this.#secrets).keys.id);
  }

  /** A stream came up. @param isKnown is it a peer of our mesh? @returns why it is not to be used; undefined: it is */
  turnsAway(peer: PeerId, isKnown: boolean, now: Millis): 'foreign' | 'rotating' | undefined {
    const keyId = this.#hooks.stream(peer)?.keyId;
    const offered = this.#offer?.secret;
    if (offered === undefined || keyId !== offered.keys.id) return this.#mayEnter(peer, keyId) ? undefined : 'rotating';
    this.#offer = undefined;
    if (isKnown && this.#secrets !== undefined) this.#take(taken(this.#secrets, offered), now);
    return isKnown ? undefined : 'foreign';
  }

  /** With an old secret only who may have the newest; with one that was retired since the stream was begun, nobody. */
  #mayEnter(peer: PeerId, keyId: string | undefined): boolean {
    if (this.#secrets === undefined || keyId === newestOf(this.#secrets).keys.id) return true;
    return keyId !== undefined && heldNamed(this.#secrets, keyId) !== undefined && this.mayHave(peer);
  }

  up(peer: PeerId, now: Millis): void {
    this.down(peer, now);
    if (this.#secrets !== undefined) this.#say(peer, newestOf(this.#secrets));
    this.changed(peer, now);
  }

  down(peer: PeerId, now: Millis): void {
    this.#holders.down(peer);
    this.#told.delete(peer);
    this.#unasked.delete(peer);
    this.#mayTell.delete(peer);
    if (this.#asked?.of === peer) this.#askAnew(now);
  }

  /** @param keyId of the newest that it says to have; undefined: it says nothing any more */
  published(peer: PeerId, keyId: string | undefined, now: Millis): void {
    this.#holders.published(peer, keyId);
    this.changed(peer, now);
  }

  /** It came, or went, or lives, or does not. */
  changed(peer: PeerId, now: Millis): void {
    if (this.#unvouched?.by === peer && this.#secrets !== undefined)
      this.#onTold(this.#unvouched.signed, this.#secrets, now);
    if (!this.isUnderWay) return;
    if (this.#lacks(peer)) this.#lacking.add(peer);
    else this.#lacking.delete(peer);
    this.#judge(now);
  }

  /** @returns why it is dropped */
  received(from: PeerId, body: Uint8Array, now: Millis): string | undefined {
    const frame = decodeRotation(body);
    if (typeof frame === 'string') return `rotation-${frame}`;
    if (this.#secrets === undefined) return 'rotation-open';
    if (frame.kind === 'have') return this.#onHave(from, frame, this.#secrets, now);
    if (frame.kind === 'want') return this.#onWant(from, newestOf(this.#secrets));
    if (!this.#mayTell.delete(from)) return 'rotation-unasked';
    const dropped = this.#onTold(frame.order, this.#secrets, now);
    if (this.#asked?.of === from) this.#askAnew(now);
    return dropped;
  }

  nextDeadline(): Millis | undefined {
    const all = [this.isUnderWay ? this.#retireAt() : undefined, this.#offer?.until, this.#asked?.until];
    const next = Math.min(...all.filter((at) => at !== undefined));
    return next === Infinity ? undefined : (next as Millis);
  }

  tick(now: Millis): void {
    if (this.#offer !== undefined && now >= this.#offer.until) this.#offer = undefined;
    if (this.#asked !== undefined && now >= this.#asked.until) this.#askAnew(now);
    if (this.#secrets === undefined || !this.isUnderWay || now < this.#retireAt()) return;
    const newest = newestOf(this.#secrets);
    this.#set(retired(this.#secrets), newest.keys.id);
    this.#hooks.keep(this.#secrets);
    this.#log('secret-retired', newest);
    this.#reordered = 0;
    for (const peer of this.#hooks.neighbours())
      if (!this.#holders.hasShown(peer, newest.keys)) this.#hooks.cut(peer, now);
  }

  #offered(secret: HeldSecret | undefined, now: Millis): void {
    const isOfUse = secret !== undefined && this.#secrets !== undefined && !heldNamed(this.#secrets, secret.keys.id);
    this.#offer = isOfUse ? { secret, until: (now + OFFER_MS) as Millis } : undefined;
  }

  #onHave(from: PeerId, have: Have, s: Secrets, now: Millis): string | undefined {
    const known = heldNamed(s, have.keyId);
    if (have.number > newestOf(s).number + MAX_ROTATIONS_AHEAD) return 'rotation-ahead';
    this.#holders.heard(from, have);
    if (known !== undefined && !this.#holders.hasShown(from, known.keys)) return 'rotation-proof';
    this.#unasked.add(from);
    this.#ask(now);
    // Of one that an operator gave us there is no order to believe.
    if (known !== undefined && known.order === undefined && have.number > known.number)
      this.#take(taken(s, { ...known, number: have.number }), now);
    return undefined;
  }

  /** One at a time: an order may be long, and in a moment all neighbours have it. */
  #ask(now: Millis): void {
    for (const peer of this.#asked === undefined ? this.#unasked : []) {
      this.#unasked.delete(peer);
      const have = this.#holders.last(peer);
      if (have === undefined || !this.#isWanted(have)) continue;
      this.#asked = { of: peer, until: (now + ORDER_WITHIN_MS) as Millis };
      this.#mayTell.add(peer);
      return this.#hooks.send(peer, encodeRotation({ kind: 'want', keyId: have.keyId }));
    }
  }

  #askAnew(now: Millis): void {
    this.#asked = undefined;
    this.#ask(now);
  }

  #isWanted({ number, keyId }: Have): boolean {
    const [known, newest] = [heldNamed(this.#secrets!, keyId), newestOf(this.#secrets!)];
    if (known === undefined) return number === newest.number ? keyId > newest.keys.id : number > newest.number;
    // One that an operator gave us is to be handed on to those who were cut off with us.
    return known.order === undefined ? this.isUnderWay : number > known.number;
  }

  /** Whatever it asked for, it is told of the newest: that may be another by now. */
  #onWant(from: PeerId, newest: HeldSecret): string | undefined {
    if (newest.order === undefined || this.#order === undefined) return undefined;
    if (this.#told.get(from) === newest.order) return 'rotation-again';
    if (!this.mayHave(from) && !this.#holders.hasShown(from, newest.keys)) return 'rotation-stranger';
    this.#told.set(from, newest.order);
    this.#hooks.send(from, encodeRotation({ kind: 'tell', order: newest.order }));
    return undefined;
  }

  #onTold(signed: Uint8Array, s: Secrets, now: Millis): string | undefined {
    const order = verifiedOrder(this.#trust, signed);
    if (typeof order === 'string') return `rotation-${order}`;
    const secret = heldSecret(order.text, order.root, order.number, signed);
    const known = heldNamed(s, secret.keys.id);
    if (clashes(s, secret) || order.evicted.includes(this.#self)) return 'rotation-not-ours';
    if (order.number > newestOf(s).number + MAX_ROTATIONS_AHEAD) return 'rotation-ahead';
    if (known === undefined ? !isNewer(secret, newestOf(s)) : known.order !== undefined && !isNewer(secret, known))
      return undefined; // who told us hears of ours
    if (known === undefined && !this.#mayOrder(order.by)) return this.#refuse(order, signed, now);
    for (const peer of order.evicted) this.#hooks.evict(peer);
    this.#take(taken(s, secret), now);
    return undefined;
  }

  /** A member, and while the secret changes one of those whom the order is for: the old secret alone gives no say. */
  #mayOrder(author: PeerId): boolean {
    if (author === this.#self) return true;
    if (this.#hooks.evicted().includes(author)) return false;
    return this.isUnderWay && this.#order !== undefined ? this.mayHave(author) : this.#hooks.members().includes(author);
  }

  /** Its author may be a member that we are yet to hear of. While the secret changes, what was ordered is ordered again, above. */
  #refuse({ by, number }: KnownOrder, signed: Uint8Array, now: Millis): string {
    this.#unvouched = { by, signed };
    const { text, root } = newestOf(this.#secrets!);
    if (this.isUnderWay && this.#order !== undefined && this.#reordered++ < MAX_REORDERED)
      this.#write(text, root, now, this.#order.members, number);
    return 'rotation-author';
  }

  /** @param above it is to stand above an order of this number */
  #write(text: string, root: Uint8Array, now: Millis, among = this.#hooks.members(), above = 0): void {
    if (this.#secrets === undefined) return;
    const number = Math.min(Math.max(newestOf(this.#secrets).number, above) + 1, MAX_ROTATION);
    const evicted = this.#hooks.evicted().slice(-MAX_ORDER_EVICTED);
    const members = [...new Set([this.#self, ...among])].filter((peer) => !evicted.includes(peer));
    const signed = signedOrder(this.#trust.signer, {
      ...{ number, root, text, evicted },
      members: members.slice(0, MAX_ORDER_MEMBERS),
    });
    this.#take(taken(this.#secrets, heldSecret(text, root, number, signed)), now);
  }

  /** More is known of what there was, or there is another one. */
  #take(next: Secrets, now: Millis): void {
    const [before, newest] = [newestOf(this.#secrets!), newestOf(next)];
    this.#set(next, this.#trust.keys.id);
    this.#hooks.keep(next);
    if (before.keys.id !== newest.keys.id) {
      this.#log('secret-taken', newest);
      this.#takenAt = now;
      this.#allHaveAt = undefined;
    } else if (before.number === newest.number && before.order === newest.order) return;
    this.#order = orderOf(newest);
    this.#recount(now); // first: what we publish we hear ourselves
    this.#hooks.publish(newest.keys.id);
    for (const peer of this.#hooks.neighbours()) this.#say(peer, newest);
  }

  #recount(now: Millis): void {
    if (!this.isUnderWay) return;
    this.#lacking.clear();
    for (const peer of this.#hooks.members()) if (this.#lacks(peer)) this.#lacking.add(peer);
    this.#judge(now);
  }

  #judge(now: Millis): void {
    this.#allHaveAt = this.#lacking.size > 0 ? undefined : (this.#allHaveAt ?? now);
    if (this.#allHaveAt !== undefined) this.#set(this.#secrets!, newestOf(this.#secrets!).keys.id);
  }

  #lacks(peer: PeerId): boolean {
    return this.#hooks.isAlive(peer) && this.mayHave(peer) && !this.hasNewest(peer);
  }

  #retireAt(): Millis {
    return Math.min(this.#takenAt + RETIRE_WITHIN_MS, (this.#allHaveAt ?? Infinity) + RETIRE_AFTER_MS) as Millis;
  }

  #say(to: PeerId, secret: HeldSecret): void {
    const stream = this.#hooks.stream(to);
    if (stream !== undefined && secret.number > 0) this.#hooks.send(to, encodeRotation(haveOf(secret, stream)));
  }

  /** @param used the key id of the one that what is begun is under; the newest, if it is not there any more */
  #set(secrets: Secrets, used: string): void {
    const inUse = heldNamed(secrets, used) ?? newestOf(secrets);
    const alsoAccepted = secrets.held.filter((other) => other !== inUse).map(({ keys }) => keys);
    if (this.#secrets === secrets && this.#trust.keys === inUse.keys) return;
    this.#secrets = secrets;
    this.#trust = { ...this.#trust, keys: inUse.keys, alsoAccepted, former: secrets.former };
    this.#hooks.trusts(this.#trust);
  }

  #log(event: string, { keys, number }: HeldSecret): void {
    this.#hooks.log(event, { key: keys.id, rotation: number });
  }
}
