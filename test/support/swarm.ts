// Many memberships on one network in virtual time.
import { systemClock } from '../../router/runtime/runtime.js';
import type { Clock } from '../../router/core.js';
import type { Member, Membership, MembershipHooks, MemberStatus } from '../../router/swim/membership.js';
import type { PeerId } from '../../router/types.js';
import { DatagramNetwork, numberOfPeer, peerNumber, type NetworkOptions } from './datagram-network.js';
import { Process } from '../sim/world/process.js';
import { VirtualTime } from './virtual-time.js';

export interface MembershipOptions {
  readonly self: PeerId;
  readonly incarnation: number;
  readonly hooks: MembershipHooks;
  readonly clock: Clock;
}
export interface SwarmOptions extends NetworkOptions {
  /** How late a host comes to everything, ms; 0 by default. */
  readonly lateMs?: (host: number) => number;
}
export type NewMembership = (options: MembershipOptions) => Membership;

/** The envelope of the control port, UDP, IPv4 and Ethernet. */
const OVERHEAD_BYTES = 40 + 42;
const STEP_MS = 20;

export class Swarm {
  readonly time: VirtualTime;
  readonly network: DatagramNetwork;
  /** Every change that any member reported, in order. */
  readonly changes: { readonly at: number; readonly by: number; readonly member: Member }[] = [];
  readonly drops: string[] = [];
  readonly refutations: { readonly by: number; readonly incarnation: number }[] = [];
  readonly #members: (Membership | undefined)[] = [];
  readonly #lives: number[] = [];
  readonly #newMembership: NewMembership;
  readonly #lateMs: (host: number) => number;

  constructor(newMembership: NewMembership, seed: number, options: SwarmOptions = {}) {
    this.time = VirtualTime.install(seed);
    this.network = new DatagramNetwork(options, OVERHEAD_BYTES);
    this.#newMembership = newMembership;
    this.#lateMs = options.lateMs ?? (() => 0);
  }

  /** Starts hosts 0 .. n-1; each but the first begins with a sync with `seedOf` it. */
  grow(n: number, seedOf: (host: number) => number = () => 0): void {
    for (let host = 0; host < n; host++) this.launch(host);
    for (let host = 1; host < n; host++) this.at(host).sync([peerNumber(seedOf(host))]);
  }

  /** A new life for a host, with a higher incarnation than any it had. */
  launch(host: number): Membership {
    const incarnation = (this.#lives[host] ?? 0) + 1;
    this.#lives[host] = incarnation;
    const process = this.#late(host);
    const member = this.#newMembership({
      self: peerNumber(host),
      incarnation,
      clock: process ?? systemClock,
      hooks: {
        send: (to, payload) => this.network.send(host, numberOfPeer(to), payload),
        onChange: (m) => this.changes.push({ at: this.time.now(), by: host, member: m }),
        onRefute: (n) => {
          this.#lives[host] = n;
          this.refutations.push({ by: host, incarnation: n });
        },
        onDrop: (reason) => this.drops.push(reason),
      },
    });
    this.#members[host] = member;
    this.network.attach(host, (from, payload) => {
      if (process === undefined) member.receive(from, payload);
      else process.hand(() => member.receive(from, payload), payload.length);
    });
    member.start();
    return member;
  }

  #late(host: number): Process | undefined {
    const ms = this.#lateMs(host);
    if (ms === 0) return undefined;
    const process = new Process(this.time);
    process.slow(ms);
    return process;
  }

  /** As kill -9: silence, nothing said. */
  kill(host: number): void {
    this.at(host).close();
    this.#members[host] = undefined;
    this.network.attach(host, undefined);
  }

  at(host: number): Membership {
    return this.#members[host]!;
  }

  get hosts(): number[] {
    return [...this.#members.keys()].filter((n) => this.#members[n] !== undefined);
  }

  status(by: number, of: number): MemberStatus | undefined {
    return this.at(by).member(peerNumber(of))?.status;
  }

  /** Do all hosts that run hold each of `of` for `status`? */
  agree(of: readonly number[], status: MemberStatus): boolean {
    return this.hosts.every((by) => of.every((n) => n === by || this.status(by, n) === status));
  }

  allAlive(): boolean {
    return this.agree(this.hosts, 'alive');
  }

  /** Runs until `done`. @returns ms it took, or Infinity after `limitMs` */
  until(done: () => boolean, limitMs: number): number {
    const from = this.time.now();
    while (!done()) {
      if (this.time.now() - from >= limitMs) return Infinity;
      this.time.run(STEP_MS);
    }
    return this.time.now() - from;
  }

  /** Peers held for faulty by somebody while they ran: every one is a false death, unless it was cut off. */
  faultyReports(): number {
    return this.changes.filter((c) => c.member.status === 'faulty').length;
  }

  end(): void {
    for (const host of this.hosts) this.at(host).close();
    this.time.restore();
  }
}
