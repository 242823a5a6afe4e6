// What each router of a simulated mesh sends, as its network card would see it.
import type { Network } from '../../router/runtime/network.js';

/** Totals since the last `reset`, over all routers metered. */
export interface Traffic {
  /** With the headers below, as sent; what the network then lost is counted. */
  readonly bytes: number;
  /** Datagrams and TCP segments; bare acknowledgements are not counted here, their bytes are. */
  readonly messages: number;
}

/** IPv4 without options and UDP. */
const UDP_HEADER_BYTES = 28;
/** IPv4 and TCP with time stamps, as Linux sends them. */
const TCP_HEADER_BYTES = 52;
/** What a segment carries at an MTU of 1500. */
const SEGMENT_BYTES = 1448;
/** SYN, SYN with ACK (60 each), ACK. */
const HANDSHAKE_BYTES = 172;
/** FIN and ACK, both ways. */
const FAREWELL_BYTES = 4 * TCP_HEADER_BYTES;

interface Write {
  at: number;
  bytes: number;
}

/**
 * Counts by wrapping a network's methods. What one router writes to one stream in one virtual millisecond is one write, as
 * `Streams` corks them. The receiver acknowledges every second segment and the last of a write, and its acknowledgements
 * are put on the sender's account.
 */
export class Meter {
  readonly #now: () => number;
  #bytes = new Map<string, number>();
  #messages = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  watch(name: string, network: Network): void {
    const writes = new Map<number, Write>();
    const send = network.send.bind(network);
    const sendDatagram = network.sendDatagram.bind(network);
    const dial = network.dial.bind(network);
    const close = network.close.bind(network);
    network.send = (conn, bytes) => {
      this.#written(name, writes, conn, bytes.length);
      send(conn, bytes);
    };
    network.sendDatagram = (to, bytes) => {
      this.#add(name, bytes.length + UDP_HEADER_BYTES, 1);
      sendDatagram(to, bytes);
    };
    network.dial = (...args) => {
      this.#add(name, HANDSHAKE_BYTES, 0);
      dial(...args);
    };
    network.close = (conn) => {
      if (writes.delete(conn)) this.#add(name, FAREWELL_BYTES, 0);
      close(conn);
    };
  }

  reset(): void {
    this.#bytes = new Map();
    this.#messages = 0;
  }

  total(): Traffic {
    return { bytes: [...this.#bytes.values()].reduce((sum, b) => sum + b, 0), messages: this.#messages };
  }

  /** Bytes of the router that sent most. */
  loudest(): number {
    return Math.max(0, ...this.#bytes.values());
  }

  #written(name: string, writes: Map<number, Write>, conn: number, bytes: number): void {
    const now = this.#now();
    const write = writes.get(conn) ?? { at: -1, bytes: 0 };
    if (write.at !== now) Object.assign(write, { at: now, bytes: 0 });
    writes.set(conn, write);
    const before = wireOf(write.bytes);
    write.bytes += bytes;
    const after = wireOf(write.bytes);
    this.#add(name, after.bytes - before.bytes, after.segments - before.segments);
  }

  #add(name: string, bytes: number, messages: number): void {
    this.#bytes.set(name, (this.#bytes.get(name) ?? 0) + bytes);
    this.#messages += messages;
  }
}

/** One write on the wire, its acknowledgements with it. */
function wireOf(bytes: number): { readonly segments: number; readonly bytes: number } {
  const segments = Math.ceil(bytes / SEGMENT_BYTES);
  return { segments, bytes: bytes + (segments + Math.ceil(segments / 2)) * TCP_HEADER_BYTES };
}
