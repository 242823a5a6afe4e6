// Passing on what is for others: batches as they came, unopened. Only from where the session is with whom a label was agreed, only
// with hops left, and within a rate. Where neighbours are, their own direct ways say: a rule holds for one that moves.
import { MAX_HOPS, OUTER, OUTER_BYTES, SLEEVE_VERSION } from '../wire/datagram.js';
import type { Memory } from '../native/memory.js';
import { sameEndpoint } from '../native/udp.js';
import type { SendPeer } from './peers.js';
import type { Sender } from './sender.js';

/** Bytes a second for each label, and a tenth of it at once: 10 Gbit/s. */
const BYTES_PER_S = 1.25e9;
const BURST_BYTES = BYTES_PER_S / 10;

export type RelayFault = 'short' | 'version' | 'label' | 'relay-source' | 'relay-target' | 'relay-rate' | 'hops';

interface Route {
  /** With whom the label was agreed, and to whom it leads. */
  readonly from: SendPeer;
  readonly to: SendPeer;
  readonly toLabel: number;
  allowance: number;
  atUs: number;
}

export class Relay {
  readonly #memory: Memory;
  readonly #sender: Sender;
  readonly #routes = new Map<number, Route>();

  constructor(memory: Memory, sender: Sender) {
    this.#memory = memory;
    this.#sender = sender;
  }

  set(label: number, rule: Pick<Route, 'from' | 'to' | 'toLabel'> | undefined, nowUs: number): void {
    if (rule === undefined) this.#routes.delete(label);
    else this.#routes.set(label, { ...rule, allowance: BURST_BYTES, atUs: nowUs });
  }

  /**
   * Passes on datagrams that all have the label of the first.
   * @param name offset of the sockaddr they came from. @returns why they were dropped
   */
  forward(at: number, bytes: number, datagramBytes: number, name: number, nowUs: number): RelayFault | undefined {
    const { view } = this.#memory;
    const route = this.#routes.get(view.getUint32(at + OUTER.label));
    if (route === undefined) return 'label';
    const { from, to } = route;
    if (from.sealer === undefined || !sameEndpoint(this.#memory.bytes, name, from.direct.name)) return 'relay-source';
    if (to.sealer === undefined) return 'relay-target';
    if (!isWithinRate(route, bytes, nowUs)) return 'relay-rate';
    for (let o = 0; o < bytes; o += datagramBytes) {
      const fault = this.#relabel(at + o, Math.min(datagramBytes, bytes - o), route.toLabel);
      if (fault !== undefined) return fault;
    }
    this.#sender.send(to.direct, at, bytes, datagramBytes);
    return undefined;
  }

  #relabel(at: number, length: number, toLabel: number): RelayFault | undefined {
    const { bytes, view } = this.#memory;
    if (length <= OUTER_BYTES) return 'short';
    if (bytes[at] !== SLEEVE_VERSION) return 'version';
    const hops = bytes[at + OUTER.hops]!;
    if (hops <= 1 || hops > MAX_HOPS) return 'hops'; // 0 would say that it comes from its sender itself
    bytes[at + OUTER.hops] = hops - 1;
    view.setUint32(at + OUTER.label, toLabel);
    return undefined;
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
