// How long it takes until all know: of a join, an attach, a crash, and of the end of a partition.
import { quantile } from '../support/statistics.js';
import type { PeerId } from '../../router/types.js';
import { NETWORK, type WorldHost } from '../../test/sim/world.js';
import type { ScaleMesh } from './scale-mesh.js';

/** Virtual ms over all events and all observers; -1: some observer did not learn of it in the time given. */
export interface Moment {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Values that went into it. */
  readonly count: number;
}

const LIMIT_MS = 30_000;
const HEAL_LIMIT_MS = 120_000;
const PARTITION_MS = 60_000;
const BETWEEN_MS = 2_000;

const finite = (ms: number): number => (Number.isFinite(ms) ? ms : -1);

export const momentOf = (times: readonly number[]): Moment => ({
  p50: finite(quantile(times, 0.5)),
  p99: finite(quantile(times, 0.99)),
  max: finite(quantile(times, 1)),
  count: times.length,
});

export interface Joins {
  /** From the launch of the new router until another holds it for alive. */
  readonly known: Moment;
  /** Until the new one holds all for alive and knows every endpoint. */
  readonly complete: Moment;
}

/** @param names of the new routers, one after the other; each dials one that runs */
export function joins(mesh: ScaleMesh, names: readonly string[]): Joins {
  const [known, complete]: [number[], number[]] = [[], []];
  for (const name of names) {
    const before = mesh.hosts;
    const newcomer = mesh.join(name, [mesh.pick(before).name]);
    const endpoints = mesh.endpoints.length;
    const learnt = (): number => newcomer.router.core.ledger.forwarding.macCount(NETWORK);
    const questions = before.map((h) => () => isAlive(h, newcomer.id));
    questions.push(() => learnt() >= endpoints && before.every((h) => isAlive(newcomer, h.id)));
    const times = mesh.timesUntil(questions, (ask) => ask(), LIMIT_MS);
    complete.push(times.pop()!);
    known.push(...times);
    mesh.world.run(BETWEEN_MS);
  }
  return { known: momentOf(known), complete: momentOf(complete) };
}

const isAlive = (at: WorldHost, peer: PeerId): boolean => at.router.core.ledger.book.get(peer)?.state === 'alive';

/** From the announcement until the MAC and the address are in a router's table. */
export function attaches(mesh: ScaleMesh, count: number): Moment {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const at = mesh.pick(mesh.hosts);
    const { ip, mac } = mesh.attachWatched(at.name);
    const others = mesh.hosts.filter((h) => h !== at);
    times.push(
      ...mesh.timesUntil(others, (h) => h.table.macs.get(mac) === at.id && h.table.neighs.get(ip) === mac, LIMIT_MS),
    );
    mesh.world.run(Math.floor(mesh.random() * 500));
  }
  return momentOf(times);
}

/** From the moment that a host loses power until another holds its router for faulty. It stays away. */
export function crashes(mesh: ScaleMesh, count: number): Moment {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const victim = mesh.pick(mesh.hosts.slice(1));
    mesh.crash(victim.name);
    times.push(
      ...mesh.timesUntil(mesh.hosts, (h) => h.router.core.ledger.book.get(victim.id)?.state === 'faulty', LIMIT_MS),
    );
    mesh.world.run(BETWEEN_MS);
  }
  return momentOf(times);
}

/** Virtual ms from the heal; -1: not in 120 s. */
export interface Heal {
  /** Until each router holds all others for alive and knows all that anybody had told before. */
  readonly known: number;
  /** Until all hold the same records: connections that are made again, for some seconds, are records, too. */
  readonly agreed: number;
}

/** Halves by chance, apart for 60 s; meanwhile each side attaches. @param say is told every 5 s, and how the heal goes on */
export function partition(mesh: ScaleMesh, say: (what: string) => void): Heal {
  const names = [...mesh.names];
  const left = names.filter(() => mesh.random() < 0.5);
  const right = names.filter((name) => !left.includes(name));
  mesh.world.partition(left, right);
  for (let s = 0; s < PARTITION_MS / 1_000; s++) {
    if (s % 10 === 5) for (const side of [left, right]) if (side.length > 0) mesh.attach(mesh.pick(side));
    mesh.world.run(1_000);
    if (s % 5 === 4) say(`apart for ${s + 1} s`);
  }
  const told = mesh.told();
  mesh.world.heal();
  const healedAt = mesh.world.time.now();
  const passed = (wait: () => number): number => {
    try {
      wait();
      return mesh.world.time.now() - healedAt;
    } catch {
      return -1;
    }
  };
  const known = passed(() => mesh.untilKnown(told, HEAL_LIMIT_MS));
  say(`healed: all known after ${known} ms`);
  return { known, agreed: passed(() => mesh.untilAgreed(HEAL_LIMIT_MS)) };
}
