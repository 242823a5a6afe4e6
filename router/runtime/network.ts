// What the router asks of the underlay: streams and datagrams on one port. Sockets and FakeNetwork pass one contract suite.
import { parseIp } from '../address.js';
import type { Ip, SocketAddress } from '../types.js';

/** The code for a program; `sentence` beside it is for a person. */
export type DialFailure = 'unresolvable' | 'refused' | 'timeout' | 'unreachable' | 'failed';
/** `ended`: the other side closed. `reset`: it broke off. `slow peer`: it did not read what we sent. */
export type CloseReason = 'ended' | 'reset' | 'slow peer' | 'unreachable' | 'failed';

/** A stream is named by a number: positive ones are chosen by who dials, negative ones by the network for those accepted. */
export type NetworkEvent =
  | {
      readonly kind: 'opened';
      readonly conn: number;
      readonly remote: SocketAddress;
      readonly local: SocketAddress;
      readonly outbound: boolean;
    }
  /** `bytes` belong to the receiver, and are often a view of something larger. */
  | { readonly kind: 'received'; readonly conn: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly conn: number; readonly reason: CloseReason }
  | { readonly kind: 'dialFailed'; readonly conn: number; readonly reason: DialFailure; readonly sentence: string }
  | { readonly kind: 'datagram'; readonly from: SocketAddress; readonly bytes: Uint8Array };

export type NetworkSink = (ev: NetworkEvent) => void;

/** Calls never block and never throw, but for `listen`. Events come after the call that caused them has returned. */
export interface Network {
  /** @throws PortInUse, CannotListen */
  listen(): Promise<{ readonly port: number }>;
  /** Ends in one `opened` or one `dialFailed`. A name is resolved now; all its addresses are tried within `timeoutMs`. */
  dial(conn: number, host: string, port: number, timeoutMs: number): void;
  /** Queues bytes, which must not change afterwards. Of a stream that is gone nothing is sent. A peer that lets more than
   *  `MAX_QUEUED_BYTES` pile up is closed as `slow peer`. */
  send(conn: number, bytes: Uint8Array): void;
  /** What was sent before still leaves; nothing more is heard of this stream or dial. Idempotent. */
  close(conn: number): void;
  /** As UDP: may be lost, late or doubled, and nobody is told. */
  sendDatagram(to: SocketAddress, bytes: Uint8Array): void;
  /** Addresses of this host that others may reach, the likeliest first: see `usableAddresses`. */
  localAddresses(): readonly Ip[];
  /** What went wrong and is nobody's event, by name. */
  counters(): Readonly<Record<string, number>>;
  /** Streams break off, the port is free when it resolves, no event comes any more. Idempotent. */
  stop(): Promise<void>;
}

/** Unsent bytes of one stream. A full exchange with a peer that stalls for a moment is a few MiB at 100,000 records. */
export const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/** Another program has the port. */
export class PortInUse extends Error {
  override readonly name = 'PortInUse';
  readonly remedy: string;

  constructor(protocol: 'tcp' | 'udp', port: number) {
    super(`${protocol.toUpperCase()} port ${port} is in use by another program`);
    this.remedy = `ss -lnp 'sport = :${port}', or choose another port: mesh launch --port`;
  }
}

/** The address or port cannot be had at all. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
  readonly remedy: string;

  constructor(why: string, remedy: string, cause: unknown) {
    super(why, { cause });
    this.remedy = remedy;
  }
}

/** What a socket says of an end of itself. `::ffff:10.0.0.1` is 10.0.0.1, so that an address has one form. */
export function socketAddress(ip = '', port = 0): SocketAddress | undefined {
  const parsed = parseIp(ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''));
  return parsed === undefined || port < 1 ? undefined : { ip: parsed, port };
}
