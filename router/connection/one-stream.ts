// What is known of one control stream from its first byte to its last, and when it is to be looked at.
import { DIALLED_HANDSHAKE_MS, HANDSHAKE_MS } from '../trust/limits.js';
import { SecureStream } from '../trust/secure-stream.js';
import type { Trust } from '../trust/trust.js';
import type { Millis, SocketAddress } from '../types.js';
import type { Hello } from '../wire/hello.js';
import type { Connection, ConnId } from './connection.js';

export interface Stream {
  readonly conn: ConnId;
  readonly remote: SocketAddress;
  readonly outbound: boolean;
  readonly secure: SecureStream;
  readonly openedAt: Millis;
  hello: Hello | undefined;
  established: Connection | undefined;
  heardAt: Millis;
  pingedAt: Millis | undefined;
}

const SILENCE_MS = 20_000; // a ping and its pong cost 150 bytes on the wire: 7 B/s a connection
const PONG_MS = 5_000;

export const newStream = (
  conn: ConnId,
  remote: SocketAddress,
  outbound: boolean,
  trust: Trust,
  now: Millis,
): Stream => ({
  conn,
  remote,
  outbound,
  secure: new SecureStream(trust),
  openedAt: now,
  hello: undefined,
  established: undefined,
  heardAt: now,
  pingedAt: undefined,
});

/** When it has been silent, or unfinished, for too long. */
export function dueAt(s: Stream): Millis {
  if (s.established === undefined) {
    const isStranger = !s.secure.isSealed && !s.outbound;
    return (s.openedAt + (isStranger ? HANDSHAKE_MS : DIALLED_HANDSHAKE_MS)) as Millis;
  }
  return (s.pingedAt === undefined ? s.heardAt + SILENCE_MS : s.pingedAt + PONG_MS) as Millis;
}
