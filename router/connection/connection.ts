// What a control connection is to those who use it, and what may be done about one.
import type { Ip, Millis, PeerId, SocketAddress } from '../types.js';
import type { Hello } from '../wire/hello.js';

/** Names one TCP stream; drawn by the router for those it dials, by the shell (negative) for those it accepts. */
export type ConnId = number;

export interface Connection {
  readonly conn: ConnId;
  readonly peer: PeerId;
  readonly remote: SocketAddress;
  readonly outbound: boolean;
  readonly hello: Hello;
  readonly upAt: Millis;
}

export type ConnectionFx =
  | { readonly kind: 'send'; readonly conn: ConnId; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly conn: ConnId }
  /** `isNew`: there was none; else it takes the place of an older stream to the same peer. */
  | { readonly kind: 'up'; readonly connection: Connection; readonly isNew: boolean }
  | { readonly kind: 'down'; readonly connection: Connection; readonly reason: string }
  /** The stream never became a connection. */
  | {
      readonly kind: 'refused';
      readonly conn: ConnId;
      readonly reason: string;
      readonly why: RefusalKind;
      /** Of a stream that we accepted. */
      readonly caller?: Ip;
      /** Of one that we dialled, and that was refused for a former secret. */
      readonly dialled?: SocketAddress;
    }
  | { readonly kind: 'frame'; readonly peer: PeerId; readonly type: number; readonly body: Uint8Array }
  | { readonly kind: 'drop'; readonly reason: string };

/**
 * `self`, `not-mesh`: dialling again is of no use. `version`: not before an upgrade. `secret`, `former`, `forged`, `clone`, `evicted`,
 * `foreign`: not before an operator does something. `failed`, `rotating`: it may do better next time.
 */
export type RefusalKind =
  | 'self'
  | 'not-mesh'
  | 'version'
  | 'secret'
  | 'former'
  | 'forged'
  | 'clone'
  | 'evicted'
  | 'foreign'
  | 'rotating'
  | 'failed';
