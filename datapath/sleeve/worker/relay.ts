// Passing on what is for others: batches as they came, unopened. Only from whom a label was agreed with, only with hops left, and
// within a rate.
import { MAX_HOPS, OUTER, OUTER_BYTES, SLEEVE_VERSION } from '../wire/datagram.js';
import type { Memory } from '../native/memory.js';
import { sameEndpoint, SOCKADDR_BYTES, type Family } from '../native/udp.js';
import type { RelayEntry, Remote, Socket } from './messages.js';
import type { Sender, Target } from './sender.js';

/** Bytes a second for each label, and a tenth of it at once: 10 Gbit/s. */
const BYTES_PER_S = 1.25e9;
const BURST_BYTES = BYTES_PER_S / 10;

export type RelayFault = 'short' | 'version' | 'label' | 'relay-source' | 'relay-rate' | 'hops';

interface Route {
  /** Offset of the sockaddr that the label was agreed with. */
  readonly from: number;
  readonly to: Target;
  readonly toLabel: number;
  allowance: number;
  atUs: number;
}

export class Relay {
  readonly #memory: Memory;
  readonly #sender: Sender;
  readonly #sockets: Readonly<Partial<Record<Family, Socket>>>;
  readonly #routes = new Map<number, Route>();
  readonly #free: number[] = [];

  constructor(memory: Memory, sender: Sender, sockets: Readonly<Partial<Record<Family, Socket>>>) {
    this.#memory = memory;
    this.#sender = sender;
    this.#sockets = sockets;
  }

  set(label: number, entry: RelayEntry | undefined, nowUs: number): void {
    const old = this.#routes.get(label);
    if (old) this.#free.push(old.from, old.to.name);
    this.#routes.delete(label);
    if (entry === undefined) return;
    const socket = this.#sockets[entry.to.family];
    const to = {
      name: this.#store(entry.to),
      nameBytes: SOCKADDR_BYTES[entry.to.family],
      fd: socket?.fd ?? -1,
      hasGso: socket?.hasGso ?? false,
    };
    const { toLabel } = entry;
    this.#routes.set(label, { from: this.#store(entry.from), to, toLabel, allowance: BURST_BYTES, atUs: nowUs });
  }

  /**
   * Passes on datagrams that all have the label of the first.
   * @param name offset of the sockaddr they came from. @returns why they were dropped
   */
  forward(at: number, bytes: number, datagramBytes: number, name: number, nowUs: number): RelayFault | undefined {
    const { view } = this.#memory;
    const route = this.#routes.get(view.getUint32(at + OUTER.label));
    if (route === undefined) return 'label';
    if (!sameEndpoint(this.#memory.bytes, name, route.from)) return 'relay-source';
    if (!isWithinRate(route, bytes, nowUs)) return 'relay-rate';
    for (let o = 0; o < bytes; o += datagramBytes) {
      const fault = this.#relabel(at + o, Math.min(datagramBytes, bytes - o), route.toLabel);
      if (fault !== undefined) return fault;
    }
    this.#sender.send(route.to, at, bytes, datagramBytes);
    return undefined;
  }

  #relabel(at: number, length: number, toLabel: number): RelayFault | undefined {
    const { bytes, view } = this.#memory;
    if (length <= OUTER_BYTES) return 'short';
    if (bytes[at] !== SLEEVE_VERSION) return 'version';
    const hops = bytes[at + OUTER.hops]!;
    if (hops === 0 || hops > MAX_HOPS) return 'hops';
    bytes[at + OUTER.hops] = hops - 1;
    view.setUint32(at + OUTER.label, toLabel);
    return undefined;
  }

  #store(remote: Remote): number {
    const at = this.#free.pop() ?? this.#memory.take(SOCKADDR_BYTES.v6);
    this.#memory.bytes.set(remote.sockaddr, at);
    return at;
  }
}

function isWithinRate(route: Route, bytes: number, nowUs: number): boolean {
  const earned = ((nowUs - route.atUs) * BYTES_PER_S) / 1e6;
  route.allowance = Math.min(BURST_BYTES, route.allowance + earned);
  route.atUs = nowUs;
  if (route.allowance < bytes) return false;
  route.allowance -= bytes;
  return true;
}
