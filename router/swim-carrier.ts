// SWIM's messages in datagrams: straight to a peer we are connected to, else over the topology's next hops.
import type { RouterEffect } from './router-events.js';
import type { PeerId, SocketAddress } from './types.js';
import { decodeDatagram, decrementHops, encodeDatagram, MAX_HOPS, MAX_PAYLOAD_BYTES } from './wire/datagram.js';

/** Where to send what is for a peer: its own address or its next hop's. Undefined: no way is known. */
export type Way = (to: PeerId) => SocketAddress | undefined;

export class SwimCarrier {
  readonly #self: PeerId;

  constructor(self: PeerId) {
    this.#self = self;
  }

  send(to: PeerId, payload: Uint8Array, way: Way): RouterEffect[] {
    const address = way(to);
    if (address === undefined || payload.length > MAX_PAYLOAD_BYTES) return [];
    const bytes = encodeDatagram({ kind: 'swim', hops: MAX_HOPS, src: this.#self, dst: to, payload });
    return [{ kind: 'sendDatagram', to: address, bytes }];
  }

  /** @param drop is told why a datagram went no further */
  receive(bytes: Uint8Array, way: Way, drop: (reason: string) => void): RouterEffect[] {
    const d = decodeDatagram(bytes);
    if (typeof d === 'string') return this.#dropped(drop, `datagram-${d}`);
    if (d.src === this.#self) return this.#dropped(drop, 'datagram-own');
    if (d.dst === this.#self) return [{ kind: 'swimReceive', from: d.src, payload: d.payload }];
    const relayed = decrementHops(bytes);
    const address = way(d.dst);
    if (relayed === 'expired') return this.#dropped(drop, 'datagram-hops');
    if (address === undefined) return this.#dropped(drop, 'datagram-no-way');
    return [{ kind: 'sendDatagram', to: address, bytes: relayed }];
  }

  #dropped(drop: (reason: string) => void, reason: string): RouterEffect[] {
    drop(reason);
    return [];
  }
}
