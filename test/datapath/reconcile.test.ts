// Whatever is done to the table and to the kernel, in whatever order: once quiet, the kernel is as the table says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { portName } from '../../datapath/names.js';
import type { ForwardingDelta } from '../../router/types.js';
import {
  DatapathLab,
  id,
  ipOf,
  mac,
  macOf,
  member,
  neigh,
  network,
  peerV4,
  peerV6,
  vtep,
} from '../support/datapath-lab.js';

/** The table and the endpoints as plain facts, from which the expected rows follow without any of the code under test. */
class Facts {
  on = false;
  readonly peers = new Map<number, string>();
  readonly members = new Set<number>();
  readonly macs = new Map<number, number>();
  readonly neighs = new Map<number, number>();
  readonly local = new Map<string, number>();

  /** The same words as `DatapathLab.rows`. */
  rows(): string[] {
    if (!this.on) return [];
    const rows = new Set<string>();
    for (const peer of this.members) if (this.peers.has(peer)) rows.add(`flood ${this.peers.get(peer)}`);
    for (const [m, peer] of this.macs) {
      const to = this.peers.get(peer);
      if (to === undefined) continue;
      rows.add(`${macOf(m)} ${to} self`);
      rows.add(`${macOf(m)} ${to.split(' dst ')[0]} master`);
    }
    for (const [ip, m] of this.neighs) rows.add(`${ipOf(ip)} lladdr ${macOf(m)} dev mb-web`);
    for (const [name, m] of this.local) if (!this.macs.has(m)) rows.add(`${macOf(m)} dev ${portName(id(name))} master`);
    return [...rows].sort();
  }
}

interface Step {
  readonly name: string;
  run(lab: DatapathLab, facts: Facts): Promise<void> | void;
}

const tell = (lab: DatapathLab, ...deltas: ForwardingDelta[]): void => lab.datapath.apply(deltas);
const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

/** An injected refusal may hit the deletion; it is idempotent. */
const detach = (lab: DatapathLab, name: string): Promise<void> =>
  lab.datapath.endpointDelete(id(name)).catch(() => detach(lab, name));

function set<K>(map: Map<K, number>, key: K, value: number | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

const tableSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(small(4), fc.constantFrom('v4', 'v4 port', 'v6', 'gone')).map(([n, how]) => ({
    name: `peer ${n} ${how}`,
    run: (lab, facts) => {
      if (how === 'gone') {
        facts.peers.delete(n);
        return tell(lab, { ...peerV4(n), value: undefined } as ForwardingDelta);
      }
      const port = how === 'v4 port' ? 7000 : 6785;
      const v4 = `dev mv-web dst ${vtep(n)}${port === 7000 ? ' port 7000' : ''}`;
      facts.peers.set(n, how === 'v6' ? `dev mw-web dst fd00::${n}` : v4);
      return tell(lab, how === 'v6' ? peerV6(n) : peerV4(n, port));
    },
  })),
  fc.tuple(small(4), fc.boolean()).map(([n, value]) => ({
    name: `member ${n} ${value}`,
    run: (lab, facts) => {
      if (value) facts.members.add(n);
      else facts.members.delete(n);
      tell(lab, member(n, value));
    },
  })),
  fc.tuple(small(8), fc.option(small(4), { nil: undefined })).map(([m, peer]) => ({
    name: `mac ${m} at ${peer}`,
    run: (lab, facts) => {
      set(facts.macs, m, peer);
      tell(lab, mac(m, peer));
    },
  })),
  fc.tuple(small(8), fc.option(small(8), { nil: undefined })).map(([ip, m]) => ({
    name: `neigh ${ip} at ${m}`,
    run: (lab, facts) => {
      set(facts.neighs, ip, m);
      tell(lab, neigh(ip, m));
    },
  })),
  fc.boolean().map((on) => ({
    name: `network ${on}`,
    run: async (lab, facts) => {
      if (!on)
        for (const name of facts.local.keys()) {
          facts.local.delete(name);
          await detach(lab, name);
        }
      facts.on = on;
      tell(lab, on ? network() : ({ ...network(), value: undefined } as ForwardingDelta));
    },
  })),
];

const endpointSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(small(3), small(8)).map(([n, m]) => ({
    name: `attach c${n} with mac ${m}`,
    run: async (lab, facts) => {
      const taken = [...facts.local].some(([name, used]) => used === m && name !== `c${n}`);
      if (!facts.on || taken) return;
      lab.kernel.namespaces.add(`/ns/${n}`);
      facts.local.delete(`c${n}`);
      await detach(lab, `c${n}`);
      await lab.attach(`c${n}`, m, `/ns/${n}`).then(
        () => facts.local.set(`c${n}`, m),
        () => undefined,
      );
    },
  })),
  small(3).map((n) => ({
    name: `detach c${n}`,
    run: async (lab, facts) => {
      facts.local.delete(`c${n}`);
      await detach(lab, `c${n}`);
    },
  })),
  small(3).map((n) => ({
    name: `the namespace of c${n} dies`,
    run: (lab, facts) => {
      facts.local.delete(`c${n}`);
      lab.kernel.namespaces.destroy(`/ns/${n}`);
    },
  })),
];

const LINKS = ['mb-web', 'mv-web', 'mw-web', portName(id('c1'))];
const anyLink = fc.constantFrom(...LINKS);
const disturbances: fc.Arbitrary<Step>[] = [
  anyLink.map((link) => ({ name: `flush ${link}`, run: (lab) => lab.kernel.pokeFlush(link) })),
  anyLink.map((link) => ({ name: `down ${link}`, run: (lab) => lab.kernel.pokeUp(link, false) })),
  anyLink.map((link) => ({ name: `nomaster ${link}`, run: (lab) => lab.kernel.pokeMaster(link, undefined) })),
  fc.constantFrom('mb-web', 'mv-web', 'mw-web').map((link) => ({
    name: `delete ${link}`,
    run: (lab) => lab.kernel.pokeLinkDel(link),
  })),
  anyLink.map((link) => ({
    name: `flush ${link}, unseen`,
    run: (lab) => lab.kernel.pokeUnseen(() => lab.kernel.pokeFlush(link)),
  })),
  fc.constant({ name: 'bridge mac', run: (lab) => lab.kernel.pokeMac('mb-web', macOf(200)) }),
  small(30).map((n) => ({ name: `call ${n} fails`, run: (lab) => lab.kernel.failNth(n, 'ENOBUFS') })),
  small(6).map((n) => ({ name: `stray row ${n}`, run: (lab) => strayRow(lab, n) })),
  fc.constant({ name: 'time passes', run: (lab) => lab.clock.run(300) }),
  fc.constant({ name: 'flushed', run: (lab) => lab.datapath.flushed() }),
];

function strayRow(lab: DatapathLab, n: number): void {
  const link = lab.kernel.link('mv-web')?.index;
  if (link !== undefined) lab.kernel.pokeRow({ kind: 'self', link, mac: macOf(n), dst: vtep(77), port: 0 });
}

const anyStep = fc.oneof(...tableSteps, ...endpointSteps, ...disturbances);

test('after any sequence of changes, disturbances and refusals the kernel is as the table says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      const [lab, facts] = [new DatapathLab(), new Facts()];
      await lab.datapath.start();
      lab.datapath.settled();
      facts.on = true;
      tell(lab, network());
      for (const step of steps) await step.run(lab, facts);
      await lab.resynced();
      assert.deepEqual(lab.rows(), facts.rows(), steps.map((s) => s.name).join(', '));
      assert.equal(lab.datapath.snapshot().pending, 0, 'nothing is asked for that the kernel keeps refusing');
      assert.equal(lab.kernel.namespaces.openFds, 0);
    }),
    { numRuns: 300 },
  );
});

test('changes alone are in the kernel when flushed resolves', async () => {
  const anyChange = fc.oneof(...tableSteps, ...endpointSteps.slice(0, 2));
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { maxLength: 40 }), async (steps) => {
      const [lab, facts] = [await DatapathLab.started([network()]), new Facts()];
      facts.on = true;
      for (const step of steps) await step.run(lab, facts);
      await lab.datapath.flushed();
      assert.deepEqual(lab.rows(), facts.rows());
      assert.equal(lab.datapath.snapshot().pending, 0);
    }),
    { numRuns: 200 },
  );
});

test('after a crash in any state the next router brings the kernel to its own table', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 20 }), fc.array(anyStep, { maxLength: 20 }), async (old, now) => {
      const first = new DatapathLab();
      await first.datapath.start();
      tell(first, network());
      for (const step of old) await step.run(first, new Facts());
      await first.datapath.stop();
      const [lab, facts] = [new DatapathLab(first.kernel), new Facts()];
      await lab.clock.run(100);
      await startDespite(lab);
      facts.on = true;
      tell(lab, network());
      for (const step of now) await step.run(lab, facts);
      lab.datapath.settled();
      await lab.resynced();
      assert.deepEqual(lab.rows(), facts.rows());
    }),
    { numRuns: 100 },
  );
});

/** An injected failure may hit the preflight, which ends a launch; the next one goes through. */
const startDespite = (lab: DatapathLab): Promise<void> => lab.datapath.start().catch(() => startDespite(lab));

test('a tool that flushes our rows for ever costs one repair a second, not a spin', async () => {
  const lab = await DatapathLab.started([network(), peerV4(1), mac(1, 1), neigh(1, 1)]);
  const before = lab.kernel.calls['rowOps']!;
  for (let i = 0; i < 600; i++) {
    lab.kernel.pokeFlush('mv-web');
    await lab.clock.run(100);
  }
  assert.ok(
    lab.kernel.calls['rowOps']! - before < 2 * 90,
    `${lab.kernel.calls['rowOps']! - before} operations in 60 s`,
  );
  await lab.quiet();
  assert.equal(lab.rows().length, 3);
});

test('a single disturbance is mended within 200 ms', async () => {
  const lab = await DatapathLab.started([network(), peerV4(1), member(1), mac(1, 1), neigh(1, 1)]);
  const whole = lab.rows();
  for (const disturb of [
    () => lab.kernel.pokeFlush('mv-web'),
    () => lab.kernel.pokeFlush('mb-web'),
    () => lab.kernel.pokeLinkDel('mv-web'),
    () => lab.kernel.pokeUp('mb-web', false),
    () => lab.kernel.pokeMaster('mv-web', undefined),
    () => lab.kernel.pokeUnseen(() => lab.kernel.pokeFlush('mb-web')),
  ]) {
    disturb();
    await lab.clock.run(200);
    assert.deepEqual(lab.rows(), whole);
    await lab.clock.run(10_000);
  }
});

test('deltas do not wait for a dump that takes long', async () => {
  const lab = await DatapathLab.started([network(), peerV4(1)]);
  const dump = lab.kernel.dumpRows.bind(lab.kernel);
  let release = (): void => {};
  lab.kernel.dumpRows = async (links) => {
    const rows = await dump(links);
    await new Promise<void>((resolve) => (release = resolve));
    return rows;
  };
  await lab.resynced();
  lab.datapath.apply([mac(1, 1)]);
  await lab.datapath.flushed();
  const rows = lab.rows();
  assert.equal(rows.length, 2);
  release();
  await lab.quiet();
  assert.deepEqual(lab.rows(), rows, 'the old dump does not undo what came since');
});
