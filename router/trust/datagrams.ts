// Who may say something by datagrams, and how often each datagram counts: once, at the launch it was sent to.
//
// A router sends all its datagrams under one key of its launch, with one counter. Everybody knows that launch from its hello, which is
// said anew on each stream, or from its record, which is signed; so who has the secret can open all of them, and a relay passes on only
// what is genuine. The header names the launch that the datagram is for. So:
//
//   replayed to the same launch     its counter was taken
//   to another router               it is passed on as if it came late, and its counter was taken there
//   to its destination, restarted   that is another launch: nobody knows the old one's name any more
//   from a sender that restarted    nobody knows its old launch any more
//
// A launch gives way to one of a higher incarnation alone; of the same, to the one that is heard last.
import { bytesFor, isNew, replayWindow, take, type ReplayWindow } from '../replay.js';
import type { PeerId } from '../types.js';
import { sameBytes } from '../wire/bytes.js';
import {
  decodeDatagram,
  encodeDatagram,
  MAX_HOPS,
  type DatagramDrop,
  type DatagramKind,
  type LaunchName,
} from '../wire/datagram.js';
import { acceptedKeys } from './keyring.js';
import { MAX_LAUNCHES_OF } from './limits.js';
import type { MeshKeys } from './mesh-keys.js';
import type { DatagramKey, Trust, TrustCrypto } from './trust.js';

/** 992 counters: what a router sends to all others while a datagram is under way. 136 bytes for each peer and secret that was heard. */
const WINDOW_WORDS = 32;

interface Sender {
  readonly peer: PeerId;
  incarnation: number;
  /** One for each secret that is accepted, in their order; each knows the launch. */
  keys: readonly DatagramKey[];
  /** Of each key under which something was heard of it: a member that spoils one spoils no other. */
  readonly windows: Map<LaunchName, ReplayWindow>;
}

export interface DatagramOptions {
  readonly self: PeerId;
  readonly launch: Uint8Array;
  readonly trust: Pick<Trust, 'keys' | 'alsoAccepted'> & { readonly crypto: Pick<TrustCrypto, 'datagramKey'> };
}

export interface OpenedDatagram {
  readonly kind: DatagramKind;
  readonly src: PeerId;
  readonly dst: PeerId;
  /** Not authenticated. */
  readonly hops: number;
  readonly payload: Uint8Array;
  /** Nothing that its sender sent later came before. */
  readonly isNewest: boolean;
}

/** `stranger`: nobody's that we know, or under another secret. `destination`: the same of whom it is for. */
export type SealedDrop = DatagramDrop | 'stranger' | 'own' | 'evicted' | 'destination' | 'replay' | 'forged';

export class Datagrams {
  readonly #crypto: Pick<TrustCrypto, 'datagramKey'>;
  readonly #self: Sender;
  readonly #peers = new Map<PeerId, Sender>();
  /** Of peers that were forgotten: of the same launch nothing is taken twice even so. The first went first. */
  readonly #former = new Map<PeerId, Sender>();
  readonly #byName = new Map<LaunchName, { readonly sender: Sender; readonly key: DatagramKey }>();
  #secrets: readonly MeshKeys[];
  #counter = 0;

  /** @param launch 16 random bytes */
  constructor({ self, launch, trust }: DatagramOptions) {
    this.#crypto = trust.crypto;
    this.#secrets = acceptedKeys(trust);
    this.#self = { peer: self, incarnation: 0, keys: this.#derive(self, launch), windows: new Map() };
    this.#enter(this.#self);
  }

  /** From now on, and no others: the first seals. Counters go on. */
  accept(trust: Pick<Trust, 'keys' | 'alsoAccepted'>): void {
    this.#secrets = acceptedKeys(trust);
    this.#byName.clear();
    for (const sender of [this.#self, ...this.#peers.values()]) {
      sender.keys = this.#derive(sender.peer, launchOf(sender));
      for (const name of sender.windows.keys())
        if (!sender.keys.some((key) => key.name === name)) sender.windows.delete(name);
      this.#enter(sender);
    }
  }

  /** Of a peer's launch, by its hello or its record. */
  learn(peer: PeerId, launch: Uint8Array, incarnation: number): void {
    if (peer === this.#self.peer) return;
    const known = this.#peers.get(peer);
    if (known !== undefined && incarnation < known.incarnation) return;
    if (isOf(known, launch)) return void (known.incarnation = incarnation);
    if (known !== undefined) this.#leave(known);
    const former = this.#former.get(peer);
    const windows = isOf(former, launch) ? former.windows : new Map<LaunchName, ReplayWindow>();
    const sender: Sender = { peer, incarnation, keys: this.#derive(peer, launch), windows };
    this.#former.delete(peer);
    this.#peers.set(peer, sender);
    this.#enter(sender);
  }

  forget(peer: PeerId): void {
    const known = this.#peers.get(peer);
    if (known === undefined) return;
    this.#peers.delete(peer);
    this.#leave(known);
    this.#former.set(peer, known);
    if (this.#former.size > MAX_LAUNCHES_OF) this.#former.delete(this.#former.keys().next().value!);
  }

  /** @param payload at most MAX_PAYLOAD_BYTES. @returns undefined if no launch of the peer is known */
  seal(kind: DatagramKind, to: PeerId, payload: Uint8Array): Uint8Array | undefined {
    const key = this.#self.keys[0]!;
    const dst = this.#peers.get(to)?.keys[0]!.name;
    if (dst === undefined) return undefined;
    const header = { kind, hops: MAX_HOPS, src: key.name, dst, counter: this.#counter++ };
    const bytes = encodeDatagram(header, payload);
    key.seal(bytes);
    return bytes;
  }

  /** @param refuses is the peer put out of the mesh? @returns what the datagram says, or why nothing of it counts */
  open(bytes: Uint8Array, refuses: (peer: PeerId) => boolean): OpenedDatagram | SealedDrop {
    const header = decodeDatagram(bytes);
    if (typeof header === 'string') return header;
    const [from, to] = [this.#byName.get(header.src), this.#byName.get(header.dst)];
    if (from === undefined) return 'stranger';
    const { sender, key } = from;
    if (sender === this.#self) return 'own';
    if (to === undefined) return 'destination';
    const [src, dst] = [sender.peer, to.sender.peer];
    if (refuses(src) || refuses(dst)) return 'evicted';
    const known = sender.windows.get(key.name);
    if (known !== undefined && !isNew(known, header.counter)) return 'replay';
    const payload = key.open(bytes);
    if (payload === undefined) return 'forged';
    const window = known ?? replayWindow(new ArrayBuffer(bytesFor(WINDOW_WORDS)), 0, WINDOW_WORDS);
    sender.windows.set(key.name, window);
    const isNewest = take(window, header.counter);
    return { kind: header.kind, src, dst, hops: header.hops, payload, isNewest };
  }

  #derive(peer: PeerId, launch: Uint8Array): readonly DatagramKey[] {
    return this.#secrets.map(({ datagram }) => this.#crypto.datagramKey(datagram, peer, launch));
  }

  #enter(sender: Sender): void {
    for (const key of sender.keys) this.#byName.set(key.name, { sender, key });
  }

  #leave(sender: Sender): void {
    for (const { name } of sender.keys) this.#byName.delete(name);
  }
}

const isOf = (sender: Sender | undefined, launch: Uint8Array): sender is Sender =>
  sender !== undefined && sameBytes(launchOf(sender), launch);

const launchOf = ({ keys }: Sender): Uint8Array => keys[0]!.launch;
