// Who reaches whom, directly and through others.
import type { PeerId } from '../../../../router/types.js';
import { follow } from '../../../support/relay-lab.js';
import type { WorldHost } from '../../world.js';
import { walkRelays } from '../../world/sleeves.js';
import type { Life } from '../life.js';
import type { HostName } from '../scenario.js';
import { firstOf, type Invariant } from './invariant.js';

function pairs(life: Life): readonly (readonly [WorldHost, WorldHost])[] {
  const running = life.running();
  return running.flatMap((a) => running.filter((b) => b !== a).map((b) => [a, b] as const));
}

/** Each router believes the next, and nobody is asked twice or dead. */
export const nextHopsArrive: Invariant = {
  name: 'next hops lead from each to each, in no circle and through nobody dead',
  withinMs: 30_000,
  broken: (life) => {
    const byId = new Map(life.running().map((h) => [h.id, h]));
    return firstOf(pairs(life), ([from, to]) => {
      const passed: string[] = [];
      for (let at = from; at !== to;) {
        if (passed.includes(at.name)) return `next hops to ${to.name} lead in a circle: ${passed.join(' ')}`;
        passed.push(at.name);
        const hop = at.router.core.ledger.topology.nextHop(to.id);
        const next = hop && byId.get(hop);
        if (hop === undefined) return `${at.name} knows no way to ${to.name}`;
        if (next === undefined) return `${at.name} would reach ${to.name} by ${life.world.nameOf(hop)}, which is dead`;
        at = next;
      }
      return undefined;
    });
  },
};

export const labelsLeadHome: Invariant = {
  name: 'labels lead in no circle and to nobody else',
  withinMs: undefined,
  broken: (life) => {
    const tables = new Map(life.running().map((h) => [h.id, h.relays]));
    return firstOf(life.running(), (h) =>
      firstOf(h.relays.ways, ([peer, way]) => {
        const fate = follow(tables, h.id, way.via, way.label);
        return fate.kind === 'arrived' && fate.at !== peer
          ? `the way of ${h.name} to ${life.world.nameOf(peer)} ends at ${life.world.nameOf(fate.at)}`
          : undefined;
      }),
    );
  },
};

export const relaysArrive: Invariant = {
  name: 'who wants a way through others has one',
  withinMs: 60_000,
  broken: (life) =>
    firstOf(life.wants.values(), ({ kind, host, to, wanted }) => {
      if (kind !== 'relay' || !wanted || !isThere(life, host, to) || life.running().length < 3) return undefined;
      const fate = walkRelays(life.world, host, to);
      return fate?.kind === 'arrived' ? undefined : `${host} has no way through others to ${to}`;
    }),
};

const isThere = (life: Life, ...ends: readonly HostName[]): boolean =>
  ends.every((name) => life.isRunning(name) && !life.gone.has(name));

export const sessionsStand: Invariant = {
  name: 'two that want a session have the same',
  withinMs: 60_000,
  broken: (life) =>
    firstOf(life.wants.values(), ({ kind, host, to, wanted }) => {
      if (kind !== 'session' || !wanted || !isThere(life, host, to)) return undefined;
      if (life.wants.get(`session ${to} ${host}`)?.wanted === false) return undefined;
      const [a, b] = [life.world.host(host), life.world.host(to)];
      const [mine, theirs] = [lastSession(a, b.id), lastSession(b, a.id)];
      if (mine !== undefined && theirs !== undefined && mine.sendIndex === theirs.receiveIndex) return undefined;
      return `${host} and ${to} have no session in common`;
    }),
};

function lastSession(host: WorldHost, peer: PeerId): { sendIndex: number; receiveIndex: number } | undefined {
  const last = host.sessions.filter((fx) => fx.peer === peer && fx.kind !== 'sessionConfirmed').at(-1);
  return last?.kind === 'session' ? last : undefined;
}
