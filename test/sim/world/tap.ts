// Somebody on the wire who records all that the routers of a world are told, and tells it again as if it came from anywhere.
import type { NetworkEvent, NetworkSink } from '../../../router/runtime/network.js';
import type { Ip, SocketAddress } from '../../../router/types.js';
import type { World } from '../world.js';

/** What came to one router: a datagram, or all of one direction of a stream, as it was cut. */
export type Recorded =
  | { readonly kind: 'datagram'; readonly to: Ip; readonly from: SocketAddress; readonly bytes: Uint8Array }
  | {
      readonly kind: 'stream';
      readonly to: Ip;
      readonly from: SocketAddress;
      /** The router dialled it. */
      readonly outbound: boolean;
      readonly chunks: Uint8Array[];
    };

type Stream = Recorded & { readonly kind: 'stream' };

export class Tap {
  readonly recorded: Recorded[] = [];
  isRecording = true;
  /** What a router hears on a stream that it dials, instead of being connected. Undefined: its call goes through. */
  answers: ((from: Ip, to: Ip) => readonly Uint8Array[] | undefined) | undefined;
  readonly #sinks = new Map<Ip, NetworkSink>();
  readonly #streams = new Map<string, Stream>();
  #conn = -1_000_000; // of those that a network accepts none comes near

  /** Before the first router of the world is launched. */
  constructor({ underlay }: World) {
    const host = underlay.host.bind(underlay);
    underlay.host = (addresses, port, sink) => {
      const at = addresses[0] as Ip;
      this.#sinks.set(at, sink);
      const network = host(addresses, port, (ev) => {
        if (this.isRecording) this.#record(at, ev);
        sink(ev);
      });
      const dial = network.dial.bind(network);
      network.dial = (conn, to, toPort, timeoutMs) => {
        const chunks = this.answers?.(at, to as Ip);
        if (chunks === undefined) return dial(conn, to, toPort, timeoutMs);
        underlay.after(1, () => this.#hear(at, conn, { ip: to as Ip, port: toPort }, true, chunks));
      };
      return network;
    };
  }

  /** @param from where it seems to come from */
  replay(what: Recorded, to: Ip, from: SocketAddress, chunks: readonly Uint8Array[] = []): void {
    if (what.kind === 'datagram') this.#sinks.get(to)!({ kind: 'datagram', from, bytes: what.bytes.slice() });
    else this.#hear(to, this.#conn--, from, false, chunks);
  }

  #hear(at: Ip, conn: number, remote: SocketAddress, outbound: boolean, chunks: readonly Uint8Array[]): void {
    const sink = this.#sinks.get(at)!;
    sink({ kind: 'opened', conn, remote, local: { ip: at, port: 6783 }, outbound });
    for (const bytes of chunks) sink({ kind: 'received', conn, bytes: bytes.slice() });
    sink({ kind: 'closed', conn, reason: 'ended' });
  }

  #record(at: Ip, ev: NetworkEvent): void {
    if (ev.kind === 'datagram')
      this.recorded.push({ kind: 'datagram', to: at, from: ev.from, bytes: ev.bytes.slice() });
    if (ev.kind === 'opened') {
      const stream: Stream = { kind: 'stream', to: at, from: ev.remote, outbound: ev.outbound, chunks: [] };
      this.recorded.push(stream);
      this.#streams.set(`${at} ${ev.conn}`, stream);
    }
    if (ev.kind === 'received') this.#streams.get(`${at} ${ev.conn}`)?.chunks.push(ev.bytes.slice());
  }
}
