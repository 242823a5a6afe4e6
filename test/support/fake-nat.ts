// NAT boxes, each with one host behind it: it can call others, and they can answer but not call. RFC 4787: one mapping for
// all destinations (§4.1), only those answer who were spoken to (§5), the port is kept while the mapping is the first.
import type { Ip, SocketAddress } from '../../router/types.js';

/** As `nf_conntrack_udp_timeout_stream` of Linux, ms: who was not spoken to for so long is not let in. */
const OPEN_MS = 120_000;
const FIRST_MAPPED_PORT = 40_000;

interface Box {
  /** Undefined: there is no NAT any more. */
  readonly outside: Ip | undefined;
  readonly epoch: number;
  /** Of datagrams: outside port → inside port, and back. */
  readonly ports: Map<number, number>;
  /** Who was last spoken to when. */
  readonly spokenTo: Map<Ip, number>;
}

export class FakeNat {
  readonly #boxes = new Map<Ip, Box>();
  readonly #inside = new Map<Ip, Ip>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** From now on others see `outside` of the host at `inside`. Again: another mapping, and what went by the old one is lost. */
  put(inside: Ip, outside: Ip): void {
    this.#change(inside, outside);
    this.#inside.set(outside, inside);
  }

  /** The host is where others can call it, at its own address. What went by the NAT is lost. */
  remove(inside: Ip): void {
    if (this.hides(inside)) this.#change(inside, undefined);
  }

  /** Has the host's address a meaning only behind its NAT? */
  hides(ip: Ip): boolean {
    return this.#boxes.get(ip)?.outside !== undefined;
  }

  /** Is it a NAT's own address? Nobody listens there. */
  isOutside(ip: Ip): boolean {
    return this.#inside.has(ip);
  }

  /** Which mapping of the host's is in force, or which came to an end; 0 where there never was a NAT. */
  epoch(ip: Ip): number {
    return this.#boxes.get(ip)?.epoch ?? 0;
  }

  /** What `to` sees of a connection from `from`. */
  seen(from: SocketAddress): SocketAddress {
    const box = this.#boxes.get(from.ip);
    return box?.outside === undefined ? from : { ip: box.outside, port: from.port };
  }

  /** What `to` sees of a datagram from `from`, which may now answer. */
  leave(from: SocketAddress, to: Ip): SocketAddress {
    const box = this.#boxes.get(from.ip);
    if (box?.outside === undefined) return from;
    box.spokenTo.set(to, this.#now());
    for (const [outside, inside] of box.ports) if (inside === from.port) return { ip: box.outside, port: outside };
    const port = box.epoch === 1 ? from.port : FIRST_MAPPED_PORT + box.epoch;
    box.ports.set(port, from.port);
    return { ip: box.outside, port };
  }

  /** Where a datagram from `from`, as the others see it, goes; undefined: it is dropped. */
  enter(to: SocketAddress, from: Ip): SocketAddress | undefined {
    const inside = this.#inside.get(to.ip);
    if (inside === undefined) return this.hides(to.ip) ? undefined : to;
    const box = this.#boxes.get(inside)!;
    const port = box.ports.get(to.port);
    const spokenAt = box.spokenTo.get(from) ?? -Infinity;
    return port === undefined || this.#now() - spokenAt > OPEN_MS ? undefined : { ip: inside, port };
  }

  #change(inside: Ip, outside: Ip | undefined): void {
    const before = this.#boxes.get(inside);
    if (before?.outside !== undefined) this.#inside.delete(before.outside);
    this.#boxes.set(inside, { outside, epoch: (before?.epoch ?? 0) + 1, ports: new Map(), spokenTo: new Map() });
  }
}
