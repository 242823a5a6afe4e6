// What the main thread tells its workers, and what they say.
import type { Mac, PeerId, RelayRule } from '../../../router/types.js';
import type { Cipher } from '../native/sealing.js';
import type { Family } from '../native/udp.js';

/** Where a peer's sleeve listens, as the kernel wants it. */
export interface Remote {
  readonly family: Family;
  /** struct sockaddr_in or sockaddr_in6 */
  readonly sockaddr: Uint8Array;
}

/** How datagrams get to a peer: straight to where it listens, or over other peers' sleeves. */
export type SleeveWay = 'direct' | 'relay';

/** The first relay on the way to a peer, and what that one calls the way. */
export interface RelayedWay {
  readonly via: PeerId;
  /** 1 .. 2^32-1 */
  readonly label: number;
}

/** Keys for one session; the buffers are shared by both workers. */
export interface SessionKeys {
  readonly cipher: Cipher;
  /** 32 bytes each. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** What the peer calls the session, and what we do. */
  readonly sendIndex: number;
  readonly receiveIndex: number;
  readonly state: SharedArrayBuffer;
}

export type Command =
  | { readonly kind: 'network'; readonly vni: number; readonly fd: number; readonly hasUso: boolean }
  /** To be forgotten, and answered with `released`: then the fd is closed. */
  | { readonly kind: 'endNetwork'; readonly vni: number; readonly fd: number }
  /** A peer, before anything else names it. */
  | { readonly kind: 'peer'; readonly peer: PeerId; readonly counters: SharedArrayBuffer }
  | { readonly kind: 'mac'; readonly vni: number; readonly mac: Mac; readonly peer: PeerId | undefined }
  | { readonly kind: 'flood'; readonly vni: number; readonly peers: readonly PeerId[] }
  | {
      readonly kind: 'session';
      readonly peer: PeerId;
      readonly keys: SessionKeys;
      /** Undefined: nothing leads straight to the peer. */
      readonly remote: Remote | undefined;
      readonly sends: boolean;
    }
  /** The peer keeps its place in the tables, but has no key any more. */
  | { readonly kind: 'endSession'; readonly peer: PeerId }
  /** An old session opens no more. */
  | { readonly kind: 'expire'; readonly receiveIndex: number }
  | { readonly kind: 'remote'; readonly peer: PeerId; readonly remote: Remote }
  /** Another way over relays, or none. */
  | { readonly kind: 'relayWay'; readonly peer: PeerId; readonly way: RelayedWay | undefined }
  /** Which way data takes. */
  | { readonly kind: 'carry'; readonly peer: PeerId; readonly way: SleeveWay }
  | { readonly kind: 'pathMtu'; readonly peer: PeerId; readonly way: SleeveWay; readonly bytes: number }
  | {
      readonly kind: 'probe';
      readonly peer: PeerId;
      readonly way: SleeveWay;
      readonly bytes: number;
      readonly token: number;
    }
  | { readonly kind: 'relayRule'; readonly label: number; readonly rule: RelayRule | undefined }
  | { readonly kind: 'stop' };

export type Report =
  | { readonly kind: 'ready'; readonly features: Features }
  | {
      readonly kind: 'moved';
      readonly peer: PeerId;
      readonly family: Family;
      readonly address: Uint8Array;
      readonly port: number;
    }
  | {
      readonly kind: 'probeReply';
      readonly peer: PeerId;
      readonly token: number;
      readonly rttMs: number;
      readonly bytes: number;
    }
  /** The first datagram of a session was opened. */
  | { readonly kind: 'heard'; readonly peer: PeerId; readonly receiveIndex: number }
  | { readonly kind: 'needRekey'; readonly peer: PeerId }
  | { readonly kind: 'tapLost'; readonly vni: number }
  /** This worker uses the fd no more. */
  | { readonly kind: 'released'; readonly fd: number };

/** What the fast path is made of here; a part that is missing costs speed, not function. */
export interface Features {
  readonly evp: boolean;
}

export interface Socket {
  readonly fd: number;
  readonly hasGso: boolean;
}

/** What a worker is born with. */
export interface WorkerInit {
  readonly role: 'tx' | 'rx';
  readonly sockets: Readonly<Partial<Record<Family, Socket>>>;
  /** Wakes the worker: a command is in its port. */
  readonly wake: number;
  readonly totals: SharedArrayBuffer;
  readonly withEvp: boolean;
  readonly stormFramesPerS: number;
  /** Which of the workers has much to do: an Int32 for each, tx first. */
  readonly busy: SharedArrayBuffer;
}
