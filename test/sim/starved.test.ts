// A mesh whose routers share too few processors: every timer and every datagram comes late, by a second or two. Nobody is
// dead, so nobody may be buried for good, and doubt must not turn into traffic that makes it worse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSwimMembership } from '../../router/swim/swim-membership.js';
import { Swarm } from '../support/swarm.js';

const HOSTS = 30;
const STARVED_MS = 60_000;

/** From now on whatever is waited for comes up to `maxMs` late. */
function starve(maxMs: number): () => void {
  const punctual = globalThis.setTimeout;
  const late = (run: () => void, ms = 0): unknown => punctual(run, ms + Math.random() * maxMs);
  globalThis.setTimeout = late as unknown as typeof setTimeout;
  return () => (globalThis.setTimeout = punctual);
}

for (const seed of [1, 2, 3])
  test(`thirty starved routers doubt themselves, not one another, and recover (seed ${seed})`, () => {
    const swarm = new Swarm(createSwimMembership, seed);
    try {
      swarm.grow(HOSTS);
      assert.ok(swarm.until(() => swarm.allAlive(), 10_000) < 10_000, 'all see all before');
      const feed = starve(1_500);
      swarm.time.run(20_000);
      const [before, buried] = [sum(swarm.network.sentDatagrams), swarm.faultyReports()];
      const refuted = swarm.refutations.length;
      swarm.time.run(STARVED_MS);
      const perS = ((sum(swarm.network.sentDatagrams) - before) / HOSTS / STARVED_MS) * 1000;
      const figures = `${perS.toFixed(1)} datagrams/s, ${swarm.refutations.length - refuted} refutations, ${swarm.faultyReports() - buried} burials`;
      assert.ok(perS < 5, `no storm: ${figures}`);
      assert.ok(swarm.refutations.length - refuted < HOSTS, `few are suspected: ${figures}`);
      assert.equal(swarm.faultyReports() - buried, 0, `nobody is buried: ${figures}`);
      feed();
      assert.ok(swarm.until(() => swarm.allAlive(), 10_000) < 10_000, 'all see all again');
    } finally {
      swarm.end();
    }
  });

const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
