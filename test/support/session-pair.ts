// Two or more `Sessions` in a time of their own, with a wire between them that can lose, repeat, delay and damage.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { noise } from '../../router/noise.js';
import { Sessions } from '../../router/session/sessions.js';
import type { Session, SessionFx, SideFx } from '../../router/session/side.js';
import { OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import type { Trust } from '../../router/trust/trust.js';
import type { Millis, PeerId } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { decodeSession, encodeSession } from '../../router/wire/session.js';
import { cheapTrust } from './cheap-trust.js';
import { CoreTime } from './core-time.js';
import { seededRandom } from './virtual-time.js';

/** Bytes that depend on a seed alone. */
export function seededEntropy(seed: string): (bytes: number) => Uint8Array {
  let drawn = 0;
  return (bytes) => new Uint8Array(createHash('sha256').update(`${seed} ${drawn++}`).digest().subarray(0, bytes));
}

/** Of 801 hosts, by id: the first has the lowest. */
const PUBLIC_KEYS = Array.from({ length: 801 }, (_, n) => new Uint8Array(32).fill(n).fill(n >> 8, 0, 1)).sort((a, b) =>
  peerIdOf(a) < peerIdOf(b) ? -1 : 1,
);

/** @param n from 1 on. All beyond the last are the last */
const publicKeyOf = (n: number): Uint8Array => PUBLIC_KEYS[Math.min(n, PUBLIC_KEYS.length) - 1]!;
export const hostId = (n: number): PeerId => peerIdOf(publicKeyOf(n));

/** Real Noise, signed by what costs nothing. */
export function sessionTrust(n: number, keys = OPEN_KEYS): Trust {
  const trust = cheapTrust(publicKeyOf(n), `host ${n}`, keys);
  return { ...trust, crypto: { ...trust.crypto, noise } };
}

/** What becomes of a frame: after how many ms each of its copies arrives. None: it is lost. */
export type Wire = (bytes: Uint8Array) => readonly { readonly afterMs: number; readonly bytes: Uint8Array }[];

export const PERFECT: Wire = (bytes) => [{ afterMs: 1, bytes }];

export class SessionHost {
  readonly id: PeerId;
  readonly sessions: Sessions;
  /** What the datapath was told, in order. */
  readonly told: SessionFx[] = [];
  readonly drops: string[] = [];
  sent = 0;
  sentBytes = 0;
  isReachable = true;

  constructor(n: number, { aes = true, keys = OPEN_KEYS }: { readonly aes?: boolean; readonly keys?: MeshKeys } = {}) {
    this.id = hostId(n);
    const trust = sessionTrust(n, keys);
    this.sessions = new Sessions(this.id, { trust: () => trust, aes }, seededRandom(n + 1), () => this.isReachable);
  }

  of(peer: PeerId): readonly (Session & { readonly kind: 'session' })[] {
    return this.told.filter((fx) => fx.kind === 'session' && fx.peer === peer) as never;
  }

  /** The last session that is sure to be open at both ends. */
  confirmed(peer: PeerId): Session | undefined {
    const confirmed = new Set(this.told.flatMap((fx) => (fx.kind === 'sessionConfirmed' ? [fx.receiveIndex] : [])));
    return this.of(peer).findLast((s) => s.confirmed || confirmed.has(s.receiveIndex));
  }
}

export class SessionLab {
  readonly hosts: readonly SessionHost[];
  wire: Wire;
  readonly #time: CoreTime;

  constructor(hosts: readonly SessionHost[], wire: Wire = PERFECT) {
    this.hosts = hosts;
    this.wire = wire;
    this.#time = new CoreTime(
      hosts.map((host) => ({
        nextDeadline: () => host.sessions.nextDeadline(),
        tick: () => this.perform(host, host.sessions.handle({ kind: 'tick' }, this.now)),
      })),
    );
  }

  get now(): Millis {
    return this.#time.now;
  }

  /** All of the hosts want sessions with all, or no longer. */
  want(wanted = true): void {
    for (const a of this.hosts) for (const b of this.hosts) if (a !== b) this.wants(a, b, wanted);
  }

  wants(a: SessionHost, b: SessionHost, wanted = true): void {
    this.perform(a, a.sessions.handle({ kind: 'wanted', peer: b.id, wanted }, this.now));
  }

  /** As if it came over the wire. */
  deliver(bytes: Uint8Array): void {
    const frame = decodeSession(bytes);
    if (typeof frame === 'string') return;
    const host = this.hosts.find((h) => h.id === frame.dst);
    if (host !== undefined) this.perform(host, host.sessions.handle({ kind: 'frame', frame }, this.now));
  }

  perform(host: SessionHost, list: readonly SideFx[]): void {
    for (const fx of list)
      switch (fx.kind) {
        case 'say':
          this.#send(host, fx);
          break;
        case 'drop':
          host.drops.push(fx.reason);
          break;
        case 'session':
        case 'sessionConfirmed':
        case 'sessionLost':
          host.told.push(fx);
      }
  }

  run(ms: number): void {
    this.#time.run(ms);
  }

  #send(host: SessionHost, { type, to: dst, token, body }: SideFx & { kind: 'say' }): void {
    const bytes = encodeSession({ type, hops: 8, src: host.id, dst, token, body });
    host.sent++;
    host.sentBytes += bytes.length;
    for (const copy of this.wire(bytes)) this.#time.later(copy.afterMs, () => this.deliver(copy.bytes));
  }
}

/** What one end sends with, the other receives with. */
export function assertCrossed(x: Session | undefined, y: Session | undefined): void {
  assert.ok(x !== undefined && y !== undefined);
  assert.deepEqual([x.sendKey, x.receiveKey, x.cipher], [y.receiveKey, y.sendKey, y.cipher]);
  assert.deepEqual([x.sendIndex, x.receiveIndex], [y.receiveIndex, y.sendIndex]);
  assert.notEqual(x.initiatedBy, y.initiatedBy);
  assert.notDeepEqual(x.sendKey, x.receiveKey);
}
