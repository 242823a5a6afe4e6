// Cores that change their mesh's secret, on streams that a test delivers from, cuts and makes anew, with disks that outlive them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Rotation, type RotationHooks } from '../../router/trust/rotation.js';
import type { SealedStream } from '../../router/trust/holders.js';
import { keysNamed } from '../../router/trust/keyring.js';
import { heldSecret, newestOf, onlySecret, type HeldSecret, type Secrets } from '../../router/trust/secrets.js';
import type { Millis, PeerId } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { decodeRotation } from '../../router/wire/rotation.js';
import { cheapTrust } from './cheap-trust.js';

export const secretOf = (n: number): HeldSecret => heldSecret(`secret-${n}`, new Uint8Array(32).fill(n + 1));

/** One direction is the order of its bytes; `dialler` dialled. */
interface Wire {
  readonly hash: Uint8Array;
  readonly keyId: string;
  readonly dialler: LabPeer;
  readonly queues: Map<LabPeer, Uint8Array[]>;
}

export class LabPeer {
  readonly id: PeerId;
  readonly #lab: RotationLab;
  readonly #publicKey: Uint8Array;
  core: Rotation;
  disk: Secrets = onlySecret(secretOf(0));
  runs = true;
  /** Does it count as one of the mesh where an order is written? */
  readonly isMember: boolean;
  readonly evicted = new Set<PeerId>();
  readonly says = new Map<PeerId, string>();
  readonly cut: PeerId[] = [];

  constructor(lab: RotationLab, n: number, isMember: boolean) {
    this.#publicKey = new Uint8Array(createHash('sha256').update(`${n}`).digest());
    this.id = peerIdOf(this.#publicKey);
    this.#lab = lab;
    this.isMember = isMember;
    this.core = this.launch();
  }

  get newest(): string {
    return newestOf(this.core.secrets!).text;
  }

  /** With what is on its disk. */
  launch(): Rotation {
    this.runs = true;
    this.core = new Rotation(this.id, cheapTrust(this.#publicKey, 'launch'), this.disk, this.#hooks());
    this.core.started(this.#lab.now);
    return this.core;
  }

  #hooks(): RotationHooks {
    const lab = this.#lab;
    /** Whatever others may hear of is on disk. */
    const isKept = (keyId: string): void => assert.ok(this.disk.held.some(({ keys }) => keys.id === keyId));
    return {
      neighbours: () => lab.neighbours(this).map(({ id }) => id),
      stream: (peer) => lab.sealed(this, peer),
      members: () => lab.peers.filter((p) => p !== this && p.isMember && !this.evicted.has(p.id)).map(({ id }) => id),
      isAlive: (peer) => lab.reaches(this, peer),
      evicted: () => [...this.evicted],
      evict: (peer) => lab.evict(this, peer),
      keep: (secrets) => (this.disk = secrets),
      trusts: () => undefined,
      publish: (keyId) => {
        isKept(keyId);
        this.says.set(this.id, keyId);
        this.core.published(this.id, keyId, lab.now); // a router learns its own records as well
      },
      send: (to, body) => {
        const frame = decodeRotation(body);
        assert.ok(typeof frame === 'object');
        if (frame.kind === 'have') isKept(frame.keyId);
        lab.send(this, to, body);
      },
      cut: (peer) => {
        this.cut.push(peer);
        lab.drop(this, lab.peer(peer));
      },
      log: () => undefined,
    };
  }
}

export class RotationLab {
  now = 0 as Millis;
  readonly peers: LabPeer[] = [];
  /** By the two's ids. */
  readonly #wires = new Map<string, Wire>();
  /** Pairs that cannot reach each other. */
  readonly #cuts = new Set<string>();
  #handshakes = 0;

  /** @param strangers of the peers, the last so many are known to no author: they came with the old secret alone */
  constructor(n: number, strangers = 0) {
    for (let i = 0; i < n; i++) this.peers.push(new LabPeer(this, i, i < n - strangers));
    this.meet();
  }

  peer(id: PeerId): LabPeer {
    return this.peers.find((p) => p.id === id)!;
  }

  neighbours(of: LabPeer): readonly LabPeer[] {
    return this.peers.filter((p) => this.#wires.has(pair(of, p)));
  }

  sealed(from: LabPeer, to: PeerId): SealedStream | undefined {
    const wire = this.#wires.get(pair(from, this.peer(to)));
    return wire && { hash: wire.hash, keyId: wire.keyId, outbound: wire.dialler === from };
  }

  send(from: LabPeer, to: PeerId, body: Uint8Array): void {
    this.#wires
      .get(pair(from, this.peer(to)))
      ?.queues.get(from)!
      .push(body);
  }

  /** As membership has it, at once. */
  reaches(from: LabPeer, to: PeerId): boolean {
    const seen = new Set([from]);
    for (const p of seen) for (const q of this.peers) if (p.runs && q.runs && this.#reach(p, q)) seen.add(q);
    return seen.has(this.peer(to)) && this.peer(to).runs;
  }

  /** Whoever can, has a stream: tried with each secret that the dialler has, as a router does. */
  meet(): void {
    for (const a of this.peers)
      for (const b of this.peers) if (a !== b && a.runs && b.runs && this.#reach(a, b)) this.#dial(a, b);
  }

  #dial(a: LabPeer, b: LabPeer): void {
    if (this.#wires.has(pair(a, b)) || a.evicted.has(b.id) || b.evicted.has(a.id)) return;
    const tries = Array.from({ length: a.core.dialWays }, (_, turn) => a.core.trustFor(turn).keys.id);
    const keyId = tries.find((id) => keysNamed(b.core.trust, id) !== undefined);
    if (keyId === undefined) return;
    const hash = createHash('sha512').update(`${this.#handshakes++}`).digest();
    const queues = new Map<LabPeer, Uint8Array[]>([
      [a, []],
      [b, []],
    ]);
    this.#wires.set(pair(a, b), { hash, keyId, dialler: a, queues });
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      if (this.#wires.has(pair(a, b)) && one.core.turnsAway(other.id, true, this.now) === undefined)
        one.core.up(other.id, this.now);
      else this.drop(a, b);
  }

  drop(a: LabPeer, b: LabPeer): void {
    if (!this.#wires.delete(pair(a, b))) return;
    a.core.down(b.id, this.now);
    b.core.down(a.id, this.now);
  }

  crash(p: LabPeer): void {
    for (const q of this.peers) this.drop(p, q);
    p.runs = false;
    this.#changed();
  }

  launch(p: LabPeer): void {
    if (!p.runs) p.launch();
    this.#changed();
  }

  /** Those on one side reach none of the other. */
  split(side: (p: LabPeer) => boolean): void {
    for (const a of this.peers)
      for (const b of this.peers)
        if (side(a) !== side(b)) {
          this.#cuts.add(pair(a, b));
          this.drop(a, b);
        }
    this.#changed();
  }

  heal(): void {
    this.#cuts.clear();
    this.#changed();
  }

  evict(by: LabPeer, peer: PeerId): void {
    by.evicted.add(peer);
    this.drop(by, this.peer(peer));
  }

  /** The next frame of one direction of the nth stream. @returns false: there is none */
  deliver(n: number): boolean {
    const waiting = [...this.#wires.values()].flatMap(({ queues }) =>
      [...queues].filter(([, queue]) => queue.length > 0).map(([from, queue]) => ({ from, queue, queues })),
    );
    if (waiting.length === 0) return false;
    const { from, queue, queues } = waiting[n % waiting.length]!;
    const to = [...queues.keys()].find((p) => p !== from)!;
    to.core.received(from.id, queue.shift()!, this.now);
    return true;
  }

  /** Everyone who can be reached has heard what all say. */
  gossip(): void {
    for (const p of this.peers)
      for (const q of this.peers) {
        const said = q.says.get(q.id);
        if (p === q || !p.runs || said === undefined || !this.reaches(p, q.id) || p.says.get(q.id) === said) continue;
        p.says.set(q.id, said);
        p.core.published(q.id, said, this.now);
      }
  }

  pass(ms: number): void {
    this.now = (this.now + ms) as Millis;
    for (const p of this.peers) if (p.runs) p.core.tick(this.now);
  }

  /** Until nothing is under way any more. */
  settle(rounds: number, ms: number): void {
    for (let i = 0; i < rounds; i++) {
      this.meet();
      while (this.deliver(0));
      this.gossip();
      this.pass(ms);
    }
  }

  #reach(a: LabPeer, b: LabPeer): boolean {
    return !this.#cuts.has(pair(a, b));
  }

  #changed(): void {
    for (const p of this.peers) if (p.runs) for (const q of this.peers) if (p !== q) p.core.changed(q.id, this.now);
  }
}

const pair = (a: LabPeer, b: LabPeer): string => (a.id < b.id ? `${a.id} ${b.id}` : `${b.id} ${a.id}`);
