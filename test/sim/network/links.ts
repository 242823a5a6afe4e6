// The links between the hosts of a world: one spec for all, and of its own for some.
import type { Random } from '../../../router/core.js';
import type { Ip } from '../../../router/types.js';
import type { Wire } from '../../support/fake-underlay.js';
import { GOOD_LINK, Link, type Arrival, type LinkSpec } from './link.js';

/** Each ordered pair is a link: `a` to `b` may be bad while `b` to `a` is good. */
export class Links implements Wire {
  readonly #random: Random;
  readonly #now: () => number;
  readonly #own = new Map<Ip, Map<Ip, Partial<LinkSpec>>>();
  readonly #links = new Map<Ip, Map<Ip, Link>>();
  readonly #dark = new Set<Ip>();
  #common: Link = new Link(GOOD_LINK);
  #reaches: (from: Ip, to: Ip) => boolean = () => true;

  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /** Of all links, but for what was said of one. What is left out stays. */
  setAll(spec: Partial<LinkSpec>): void {
    this.#common = new Link({ ...this.#common.spec, ...spec });
    this.#links.clear();
  }

  /** Of the link from the one to the other, over what is said of all. What is left out stays. */
  set(from: Ip, to: Ip, spec: Partial<LinkSpec>): void {
    const row = this.#own.get(from) ?? new Map<Ip, Partial<LinkSpec>>();
    this.#own.set(from, row.set(to, { ...row.get(to), ...spec }));
    this.#links.get(from)?.delete(to);
  }

  /** The link from the one to the other is as all are again. */
  unset(from: Ip, to: Ip): void {
    this.#own.get(from)?.delete(to);
    this.#links.get(from)?.delete(to);
  }

  /** Every link is as all are again. */
  reset(): void {
    this.#own.clear();
    this.#links.clear();
  }

  /** Without power nothing gets to a host, nor from it. */
  setPower(ip: Ip, isOn: boolean): void {
    if (isOn) this.#dark.delete(ip);
    else this.#dark.add(ip);
  }

  /** Which pairs have a wire at all, each way for itself. */
  setReach(reaches: (from: Ip, to: Ip) => boolean): void {
    this.#reaches = reaches;
  }

  /** Only these sides reach one another; who is in none reaches nobody. */
  partition(sides: readonly (readonly Ip[])[]): void {
    const sideOf = new Map(sides.flatMap((ips, side) => ips.map((ip) => [ip, side] as const)));
    this.setReach((a, b) => sideOf.get(a) !== undefined && sideOf.get(a) === sideOf.get(b));
  }

  /** Only these pairs reach one another. */
  only(pairs: readonly (readonly [Ip, Ip])[]): void {
    const open = new Set(pairs.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]));
    this.setReach((a, b) => open.has(`${a} ${b}`));
  }

  reaches(from: Ip, to: Ip): boolean {
    if (this.#dark.has(from) || this.#dark.has(to)) return false;
    return this.#reaches(from, to) && !this.#of(from, to).spec.cut;
  }

  datagram(from: Ip, to: Ip, bytes: Uint8Array): readonly Arrival[] {
    return this.#of(from, to).datagram(bytes, this.#now(), this.#random);
  }

  stream(from: Ip, to: Ip, bytes: number): number {
    return this.#of(from, to).stream(bytes, this.#now(), this.#random);
  }

  #of(from: Ip, to: Ip): Link {
    const own = this.#own.get(from)?.get(to);
    // A link has a state only where there is a queue: a thousand hosts have a million links.
    if (own === undefined && this.#common.spec.bitsPerS === Infinity) return this.#common;
    const row = this.#links.get(from) ?? new Map<Ip, Link>();
    this.#links.set(from, row);
    const link = row.get(to) ?? new Link({ ...this.#common.spec, ...own });
    row.set(to, link);
    return link;
  }
}
