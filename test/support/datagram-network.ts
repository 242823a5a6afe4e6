// Datagrams between peers in virtual time: loss and delay on every hop, partitions, graphs that are not complete.
import type { PeerId } from '../../router/types.js';
import { peerOf } from './peers.js';

export interface NetworkOptions {
  /** Probability that a hop loses a datagram, 0 .. 1. */
  readonly loss?: number;
  /** Delay of a hop, ms: uniform between the two. */
  readonly delayMs?: readonly [min: number, max: number];
  /** Are two hosts neighbours? All are by default. Others are reached over the shortest way, as a router forwards. */
  readonly adjacent?: (a: number, b: number) => boolean;
}

/** As UDP: what is lost or unreachable is silence. Needs VirtualTime around it; peers are numbered from 0. */
export class DatagramNetwork {
  loss: number;
  /** Payload and envelope bytes that each host put on the wire, its relaying included. */
  readonly sentBytes: number[] = [];
  readonly sentDatagrams: number[] = [];
  readonly #delayMs: readonly [number, number];
  readonly #adjacent: (a: number, b: number) => boolean;
  readonly #hosts: (((from: PeerId, payload: Uint8Array) => void) | undefined)[] = [];
  readonly #overheadBytes: number;
  #cut: (a: number, b: number) => boolean = () => false;
  #ways: number[][][] | undefined;

  /** @param overheadBytes added to each datagram in `sentBytes` */
  constructor(options: NetworkOptions = {}, overheadBytes = 0) {
    this.loss = options.loss ?? 0;
    this.#delayMs = options.delayMs ?? [1, 5];
    this.#adjacent = options.adjacent ?? (() => true);
    this.#overheadBytes = overheadBytes;
  }

  /** Host `n`'s inbox; undefined is a dead host, which relays nothing either. */
  attach(n: number, receive: ((from: PeerId, payload: Uint8Array) => void) | undefined): void {
    this.#hosts[n] = receive;
    this.#ways = undefined;
    this.sentBytes[n] ??= 0;
    this.sentDatagrams[n] ??= 0;
  }

  /** Severs hosts of which `cut` is true, in either order. */
  sever(cut: (a: number, b: number) => boolean): void {
    this.#cut = cut;
    this.#ways = undefined;
  }

  heal(): void {
    this.sever(() => false);
  }

  send(from: number, to: number, payload: Uint8Array): void {
    const way = this.#way(from, to);
    if (way === undefined) return this.#count(from, payload);
    const bytes = payload.slice();
    let delayMs = 0;
    for (const hop of way) {
      this.#count(hop, payload);
      if (Math.random() < this.loss) return;
      delayMs += this.#delayMs[0] + Math.random() * (this.#delayMs[1] - this.#delayMs[0]);
    }
    setTimeout(() => this.#hosts[to]?.(peerNumber(from), bytes), delayMs);
  }

  #count(n: number, payload: Uint8Array): void {
    this.sentBytes[n]! += payload.length + this.#overheadBytes;
    this.sentDatagrams[n]!++;
  }

  /** The hosts that send on the way from `from` to `to`, `from` first. */
  #way(from: number, to: number): readonly number[] | undefined {
    this.#ways ??= [];
    const known = (this.#ways[from] ??= this.#waysFrom(from));
    return known[to];
  }

  #waysFrom(from: number): number[][] {
    const ways: number[][] = [];
    const reached: [number, number[]][] = [[from, []]];
    const seen = new Set([from]);
    for (const [at, way] of reached)
      for (let next = 0; next < this.#hosts.length; next++) {
        if (seen.has(next) || this.#hosts[next] === undefined || !this.#joined(at, next)) continue;
        seen.add(next);
        ways[next] = [...way, at];
        reached.push([next, [...way, at]]);
      }
    return ways;
  }

  #joined(a: number, b: number): boolean {
    return this.#adjacent(a, b) && this.#adjacent(b, a) && !this.#cut(a, b) && !this.#cut(b, a);
  }
}

/** A peer id for a small number, 0 and up. */
export const peerNumber = (n: number): PeerId => peerOf(n + 1);
export const numberOfPeer = (peer: PeerId): number => parseInt(peer, 16) - 1;
