// Two sets of connections that meet without a network: streams are bytes handed over by the test.
import { Connections, type ConnectionFx } from '../../router/connection/connections.js';
import type { Trust } from '../../router/trust/trust.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../router/types.js';
import type { Hello } from '../../router/wire/hello.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { cheapTrust } from './cheap-trust.js';

export const at = (ms: number): Millis => ms as Millis;
export const KEYS = new Map([0, 1, 2, 3].map((n) => new Uint8Array(32).fill(n)).map((key) => [peerIdOf(key), key]));
export const [LOW, HIGH, ...MORE] = [...KEYS.keys()].sort() as [PeerId, PeerId, ...PeerId[]];
/** A member may call from there, and from nowhere else. */
export const MEMBER: SocketAddress = { ip: '10.0.0.9' as Ip, port: 6783 };
export const REMOTE: SocketAddress = { ip: '10.0.0.2' as Ip, port: 6783 };

export const helloOf = (id: PeerId, launch = 1): Hello => ({
  id,
  publicKey: KEYS.get(id)!,
  name: id.slice(0, 4),
  incarnation: 1,
  port: 6783,
  launch: new Uint8Array(16).fill(launch),
  dialled: undefined,
  softwareVersion: '0.1.0',
});

export const trustOf = (id: PeerId): Trust => cheapTrust(KEYS.get(id)!, id);
export const connections = (id: PeerId, launch = 1, trust = trustOf(id)): Connections =>
  new Connections(
    id,
    () => helloOf(id, launch),
    () => trust,
    (ip) => ip === MEMBER.ip,
  );

export const kinds = (fx: readonly ConnectionFx[]): string[] => fx.map((f) => f.kind);
export const sent = (fx: readonly ConnectionFx[]): Uint8Array[] =>
  fx.flatMap((f) => (f.kind === 'send' ? [f.bytes] : []));
export const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));

/** One end of a stream, and what it said that the other has not heard. */
export interface End {
  readonly of: Connections;
  readonly conn: number;
  readonly outbox: Uint8Array[];
  readonly did: ConnectionFx[];
}

export function opened(of: Connections, conn: number, dialled: boolean, now: Millis, remote = REMOTE): End {
  const end: End = { of, conn, outbox: [], did: [] };
  act(end, of.opened(conn, remote, dialled, now));
  return end;
}

/** Notes what was done, and what is to be sent on this stream. */
export function act(end: End, fx: readonly ConnectionFx[]): void {
  end.did.push(...fx);
  end.outbox.push(...fx.flatMap((f) => (f.kind === 'send' && f.conn === end.conn ? [f.bytes] : [])));
}

/** `to` hears all that `from` has said. */
export function hear(to: End, from: End, now: Millis): void {
  act(to, to.of.received(to.conn, joined(from.outbox.splice(0)), now));
}

/** Opens a stream between the two and lets both speak until they have nothing to say. @returns what each did after the handshake */
export function meet(
  a: Connections,
  b: Connections,
  dialler: 'a' | 'b',
  conn: number,
  now = at(0),
): [ConnectionFx[], ConnectionFx[]] {
  const [ofA, ofB] = [opened(a, conn, dialler === 'a', now), opened(b, -conn, dialler === 'b', now)];
  const [first, second] = dialler === 'a' ? [ofA, ofB] : [ofB, ofA];
  for (let round = 0; round < 3; round++) {
    hear(second, first, now);
    hear(first, second, now);
  }
  return [afterHello(ofA), afterHello(ofB)];
}

/** Without what the handshake said: the dialler says a call, a message and a hello, the other an answer in two parts and a hello. */
export const afterHello = ({ did, conn }: End): ConnectionFx[] => {
  let said = 0;
  return did.filter((fx) => fx.kind !== 'send' || fx.conn !== conn || ++said > 3);
};
