// npm `swim` behind our words: it merges claims, spreads news and exchanges full state. Its socket, its codec and its
// failure detector are replaced through its public properties; nothing of it is patched.
import Swim from 'swim';
import { encodeSwimBody, SWIM_TYPES, versioned } from '../wire/swim.js';
import type { SwimClaim, SwimMessage } from '../wire/swim.js';
import type { PeerId } from '../types.js';
import { Roster } from './roster.js';

export interface SwimLibraryOptions {
  readonly self: PeerId;
  readonly incarnation: number;
  /** Times log10 of the number of members: how often each router passes on a piece of news. */
  readonly disseminationFactor: number;
  /** Largest payload handed to `send`. */
  readonly maxPayloadBytes: number;
  send(to: PeerId, payload: Uint8Array): void;
  /** The claim about a peer, or about ourselves, that is in force now. */
  onUpdate(claim: SwimClaim): void;
}

const STATES = { alive: 0, suspect: 1, faulty: 2, left: 2 } as const;
/** swim has no such state: a faulty member with this mark. swim carries the mark, our codec makes it a status. */
const LEFT = 'left';

const hostOf = (peer: PeerId): string => `${peer}:1`;
const peerOf = (host: string): PeerId => host.slice(0, -2) as PeerId;

export class SwimLibrary {
  readonly #swim: Swim;
  readonly #options: SwimLibraryOptions;
  /** Members alive or suspect. swim lists all keys of its tables for each draw, and at each change to count them. */
  readonly #live = new Roster();
  readonly #gone = new Set<PeerId>();

  constructor(options: SwimLibraryOptions) {
    this.#options = options;
    this.#swim = new Swim({
      local: { host: hostOf(options.self), incarnation: options.incarnation },
      disseminationFactor: options.disseminationFactor,
      udp: { maxDgramSize: options.maxPayloadBytes - 2 }, // the version, and one that swim miscounts after a split
    });
    this.#replaceTransport();
    this.#swim.codec = { encode: encodeData, decode: refuse };
    this.#swim.failureDetector = { start: nothing, stop: nothing, on: nothing, removeListener: nothing };
    this.#swim.membership.on('change', (data: Swim.Data) => this.#changed(data));
    this.#swim.membership.size = (hasLocal) => this.#live.size + Number(hasLocal);
    this.#swim.membership.on('update', (data: Swim.Data) => options.onUpdate(toClaim(data)));
  }

  start(): void {
    this.#swim.bootstrap([], nothing);
  }

  stop(): void {
    this.#swim.leave();
    this.#swim.membership.removeAllListeners();
  }

  get incarnation(): number {
    return this.#swim.membership.local.incarnation;
  }

  /** All members but ourselves. */
  claims(): SwimClaim[] {
    const { hostToMember, hostToFaulty } = this.#swim.membership;
    return [...Object.values(hostToMember), ...Object.values(hostToFaulty)].map(toClaim);
  }

  claim(peer: PeerId): SwimClaim | undefined {
    const { hostToMember, hostToFaulty } = this.#swim.membership;
    const data = hostToMember[hostOf(peer)] ?? hostToFaulty[hostOf(peer)];
    return data && toClaim(data);
  }

  /** All members but ourselves, counted. */
  get size(): number {
    return this.#live.size + this.#gone.size;
  }

  /** Merges a claim; `onUpdate` tells if it counted. One about ourselves that is not the best of us gets refuted. */
  apply(claim: SwimClaim): void {
    // Refuted already. swim would spread our word anew for each accuser who has not heard it: a storm, with thirty of them.
    if (claim.peer === this.#options.self && claim.incarnation < this.incarnation) return;
    const data = toData(claim);
    const faulty = this.#swim.membership.hostToFaulty[data.host];
    if (claim.status !== 'left' || faulty === undefined) return this.#swim.membership.onUpdate(data);
    if (faulty.meta === LEFT || claim.incarnation < faulty.incarnation) return;
    // swim takes no second word about a faulty member, but who says goodbye late did not die.
    Object.assign(faulty, data);
    this.#swim.membership.emit('update', data);
  }

  /** Passes a claim on, as news, whether or not it changed ours. */
  spread(claim: SwimClaim): void {
    this.#swim.disseminator.onUpdate(toData(claim));
  }

  /** Tells `peer` of the suspicion, if there is one: it has just answered. */
  warnSuspect(peer: PeerId): void {
    this.#swim.net.emit('ack', {}, hostOf(peer));
  }

  /** Sends all we know. */
  tellAll(to: PeerId): void {
    const { membership, net } = this.#swim;
    const messages = membership.all(true, true).map((data) => ({ type: SWIM_TYPES.update, data }));
    net.sendMessages(messages, hostOf(to));
  }

  /** Sends all we know, and asks for the same. */
  sync(to: PeerId): void {
    this.#swim.membership.sync([hostOf(to)]);
  }

  /** Sends one message with as much news as fits. */
  send(to: PeerId, message: SwimMessage): void {
    this.#swim.net.sendMessage({ type: SWIM_TYPES[message.kind], data: toLibrary(message) }, hostOf(to));
  }

  get hasNews(): boolean {
    for (const _ in this.#swim.disseminator.hostToAttempts) return true;
    return false;
  }

  /** Sends nothing but news, if there is some. */
  sendNews(to: PeerId): void {
    const { net, disseminator } = this.#swim;
    const news = disseminator.getUpdatesUpTo(this.#options.maxPayloadBytes - 5);
    if (news.length > 0) net.sendBuffer(net.makeCompoundMessage(news), hostOf(to));
  }

  /** Up to `n` different members that are alive or suspect. */
  randomPeers(n: number): PeerId[] {
    return this.#live.sample(n, Math.random);
  }

  forget(peer: PeerId): void {
    const { hostToMember, hostToIterable, hostToFaulty } = this.#swim.membership;
    for (const table of [hostToMember, hostToIterable, hostToFaulty]) delete table[hostOf(peer)];
    this.#live.delete(peer);
    this.#gone.delete(peer);
    this.#swim.disseminator.removeUpdate({ host: hostOf(peer) });
  }

  /** A member came, came back, or is held for faulty. */
  #changed({ host, state }: Swim.Data): void {
    const peer = peerOf(host);
    if (state === STATES.faulty) {
      this.#live.delete(peer);
      this.#gone.add(peer);
    } else {
      this.#live.add(peer);
      this.#gone.delete(peer);
    }
  }

  #replaceTransport(): void {
    const { net } = this.#swim;
    net.udpSocket.close(); // made by the constructor, never bound
    net.listen = (callback) => callback();
    net.close = nothing; // swim's own makes another socket
    net.sendBuffer = (bytes, host) => this.#options.send(peerOf(host), versioned(bytes));
  }
}

function nothing(): void {}

function refuse(): never {
  throw new Error('payloads are decoded before swim sees them');
}

/** swim's codec is not told the type, which the shape betrays. `sync` stands for `update` too: the bodies are the same. */
function encodeData(data: object): Uint8Array {
  return encodeSwimBody('kind' in data ? (data as SwimMessage) : { kind: 'sync', claim: toClaim(data as Swim.Data) });
}

const toLibrary = (m: SwimMessage): object => ('claim' in m ? toData(m.claim) : m);

function toData(claim: SwimClaim): Swim.Data {
  const mark = claim.status === 'suspect' ? claim.accuser : claim.status === 'left' ? LEFT : undefined;
  return { host: hostOf(claim.peer), state: STATES[claim.status], incarnation: claim.incarnation, meta: mark };
}

function toClaim(data: Swim.Data): SwimClaim {
  const [peer, incarnation] = [peerOf(data.host), data.incarnation];
  if (data.state === STATES.suspect) return { peer, incarnation, status: 'suspect', accuser: data.meta as PeerId };
  const status = data.state === STATES.alive ? 'alive' : data.meta === LEFT ? 'left' : 'faulty';
  return { peer, incarnation, status };
}
