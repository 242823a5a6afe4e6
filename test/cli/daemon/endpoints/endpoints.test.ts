// Endpoints on a datapath and an announcer that remember what they were told, and sandboxes that live and die.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Refused } from '../../../../cli/daemon/control.js';
import type { StoredEndpoint } from '../../../../cli/daemon/endpoints/endpoint.js';
import { Endpoints, type EndpointsWorld } from '../../../../cli/daemon/endpoints/endpoints.js';
import { Holdings } from '../../../../cli/daemon/endpoints/holdings.js';
import type { Datapath } from '../../../../datapath/index.js';
import { KernelError } from '../../../../datapath/index.js';
import { cidrIp } from '../../../../router/address.js';
import type { EndpointId, PeerId } from '../../../../router/types.js';

const TEN_MINUTES = 600_000;

class World {
  now = 0;
  saved: readonly StoredEndpoint[] = [];
  /** Path → inode of the namespaces that there are. */
  readonly sandboxes = new Map<string, bigint>();
  /** Names that are taken inside, as `PATH IFNAME`. */
  readonly takenIfnames = new Set<string>();
  readonly joined = new Map<EndpointId, string>();
  readonly announced = new Map<EndpointId, readonly string[]>();
  /** Addresses that other peers hold. */
  readonly elsewhere = new Set<string>();
  readonly logged: string[] = [];
  diskIsFull = false;
  /** A join of this endpoint never ends: the process is killed within it. */
  killedIn: string | undefined;
  readonly holdings = new Holdings();
  endpoints = this.boot();

  /** A new process with the disk of the old. */
  boot(): Endpoints {
    const datapath: Partial<Datapath> = {
      endpointCreate: () => Promise.resolve(),
      endpointJoin: async (id, { netns = 'host', ifname }) => {
        await (id === this.killedIn ? new Promise(() => undefined) : Promise.resolve());
        if (this.takenIfnames.has(`${netns} ${ifname}`)) throw new KernelError(`ip link add peer name ${ifname}`, 'EEXIST');
        this.joined.set(id, `${netns} ${ifname}`);
      },
      endpointLeave: (id) => Promise.resolve(void this.joined.delete(id)),
      endpointDelete: (id) => Promise.resolve(void this.joined.delete(id)),
      flushed: () => Promise.resolve(),
    };
    const world: EndpointsWorld = {
      self: 'aa'.repeat(16) as PeerId,
      datapath: datapath as Datapath,
      holdings: this.holdings,
      announcer: {
        announce: (e) => void this.announced.set(e.id, e.ips.map(cidrIp)),
        withdraw: (id) => void this.announced.delete(id),
        needNetwork: () => Promise.resolve(),
        checkFree: (e) => {
          const taken = e.ips.map(cidrIp).find((ip) => this.elsewhere.has(ip));
          return taken === undefined ? Promise.resolve([]) : Promise.reject(new Refused(`${taken} is in use on b`));
        },
        lostTo: () => undefined,
      },
      save: (list) => {
        if (this.diskIsFull) throw new Refused('no space left');
        this.saved = list;
      },
      log: (event) => void this.logged.push(event),
      resolve: (text) => {
        const inode = this.sandboxes.get(text);
        const found = { key: text, netns: text, inode: inode ?? 0n, returns: !text.startsWith('/proc/') };
        return Promise.resolve(inode === undefined ? { why: `there is no ${text}`, remedy: 'ls' } : found);
      },
      now: () => this.now,
    };
    return new Endpoints(world);
  }

  async restart(): Promise<void> {
    this.announced.clear();
    Object.assign(this, { holdings: new Holdings() });
    this.endpoints = this.boot();
    await this.endpoints.restore(this.saved);
    return this.endpoints.rebuild();
  }

  /** The datapath says that it is gone, and what comes of it has come. */
  async gone(): Promise<void> {
    this.endpoints.gone(E1);
    await new Promise((resolve) => setImmediate(resolve));
  }

  state(id = 'e1'): string | undefined {
    return this.endpoints.list().find((e) => e.id === id)?.state;
  }
} // prettier-ignore

const E1 = 'e1' as EndpointId;
const IPS = { ips: ['10.32.0.1/12'] };

async function attachedWorld(target = '/ns/web'): Promise<World> {
  const w = new World();
  w.sandboxes.set(target, 1n);
  await w.endpoints.attach({ target, id: 'e1', ...IPS });
  return w;
}

test('a join that the kernel refuses takes a new endpoint back, and leaves an old one as it was', async () => {
  const w = new World();
  w.sandboxes.set('/ns/web', 1n);
  w.takenIfnames.add('/ns/web mesh0');
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', id: 'e1', ...IPS }), { message: 'it has an interface "mesh0" already' });
  assert.deepEqual([w.endpoints.list(), w.saved, w.announced.size], [[], [], 0]);
  await w.endpoints.create('e1', IPS);
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', id: 'e1', ...IPS }), Refused);
  assert.equal(w.state(), 'created');
}); // prettier-ignore

test('a create that the disk refuses is as if it had not been', async () => {
  const w = new World();
  w.diskIsFull = true;
  await assert.rejects(w.endpoints.create('e1', IPS), Refused);
  w.diskIsFull = false;
  assert.deepEqual([w.endpoints.list(), w.announced.size], [[], 0]);
  await w.endpoints.create('e2', IPS); // its address is free
});

test('attached twice is refused, also when both come at once', async () => {
  const w = await attachedWorld();
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', ...IPS }), { message: 'it is attached already, as mesh0' });
  w.sandboxes.set('/ns/db', 2n);
  const twice = [1, 2].map(() => w.endpoints.attach({ target: '/ns/db', ips: ['10.32.0.2/12'] }));
  assert.deepEqual((await Promise.allSettled(twice)).map((o) => o.status).sort(), ['fulfilled', 'rejected']);
}); // prettier-ignore

test('of two endpoints that ask for one address at once, one gets it', async () => {
  const w = new World();
  const both = ['e1', 'e2'].map((id) => w.endpoints.create(id, IPS));
  assert.deepEqual(
    (await Promise.allSettled(both)).map((o) => o.status),
    ['fulfilled', 'rejected'],
  );
});

test('a sandbox that died is waited for ten minutes under its name, its addresses being free meanwhile', async () => {
  const w = await attachedWorld();
  w.sandboxes.delete('/ns/web');
  await w.gone();
  assert.deepEqual([w.state(), w.announced.size, w.joined.size], ['gone', 0, 0]);
  w.now = TEN_MINUTES;
  w.sandboxes.set('/ns/web', 7n);
  await w.endpoints.revive();
  assert.deepEqual([w.state(), w.announced.get(E1)], ['attached', ['10.32.0.1']]);

  w.sandboxes.delete('/ns/web');
  await w.gone();
  w.now = 2 * TEN_MINUTES + 1;
  await w.endpoints.revive();
  assert.deepEqual([w.endpoints.list(), w.saved], [[], []]);
});

test('an address given away while its sandbox was dead is not taken back', async () => {
  const w = await attachedWorld();
  w.sandboxes.delete('/ns/web');
  await w.gone();
  await w.endpoints.create('e2', IPS);
  w.sandboxes.set('/ns/web', 1n);
  w.now = 1_000;
  for (let i = 0; i < 3; i++) await w.endpoints.revive();
  const e1 = w.endpoints.list().find((e) => e.id === 'e1');
  assert.match(e1?.reason ?? '', /^10\.32\.0\.1 is in use by e2 on this host; it is attached again/);
  assert.deepEqual([...w.announced.keys()], ['e2']);
  assert.equal(w.logged.filter((event) => event === 'endpoint-gone').length, 2, 'each reason is logged once');
  w.now = TEN_MINUTES + 1;
  await w.endpoints.revive();
  assert.equal(w.state('e1'), undefined, 'ten minutes since it died, not since the last reason');
});

test('one that leaves its dead sandbox has its addresses again', async () => {
  const w = await attachedWorld();
  w.sandboxes.delete('/ns/web');
  await w.gone();
  await w.endpoints.leave('e1');
  assert.deepEqual([w.state(), [...w.announced.keys()]], ['created', ['e1']]);
});

test('a link that someone deleted is made again, the sandbox being there', async () => {
  const w = await attachedWorld();
  w.joined.clear();
  await w.gone();
  assert.deepEqual([w.state(), w.joined.get(E1)], ['attached', '/ns/web mesh0']);
});

test('a pid is a container only while the namespace behind it is the same one', async () => {
  const w = await attachedWorld('/proc/12/ns/net');
  await w.restart();
  assert.equal(w.state(), 'attached');
  w.sandboxes.set('/proc/12/ns/net', 2n);
  await w.restart();
  assert.deepEqual([w.endpoints.list(), w.saved, w.announced.size], [[], [], 0]);
});

test('a full disk while nobody asked for anything is logged and survived', async () => {
  const w = await attachedWorld();
  w.sandboxes.delete('/ns/web');
  w.diskIsFull = true;
  await w.gone();
  await w.endpoints.revive();
  assert.ok(w.logged.includes('endpoint-failed'));
});

test('detach takes what fits every filter, and a dead sandbox by its name', async () => {
  const w = await attachedWorld();
  await w.endpoints.attach({ target: '/ns/web', id: 'e2', ifname: 'mesh1', ips: ['10.32.0.2/12'] });
  await assert.rejects(w.endpoints.detach('/ns/web', { ifname: 'mesh0', ips: ['10.32.0.2'] }), {
    message: 'it has no such interface of ours',
  });
  assert.deepEqual((await w.endpoints.detach('/ns/web', { ips: ['10.32.0.2'] })).map((e) => e.id), ['e2']);
  await assert.rejects(w.endpoints.detach('/ns/none', {}), { message: 'there is no /ns/none' });
  w.sandboxes.delete('/ns/web');
  assert.deepEqual((await w.endpoints.detach('web', {})).map((e) => e.id), ['e1']);
}); // prettier-ignore

test('an endpoint that is gone has no address at the next launch, and the one that took it has', async () => {
  const w = await attachedWorld();
  w.sandboxes.delete('/ns/web');
  await w.gone();
  w.sandboxes.set('/ns/db', 2n);
  await w.endpoints.attach({ target: '/ns/db', id: 'e2', ...IPS });
  await w.restart();
  assert.deepEqual([w.state('e1'), w.state('e2'), [...w.announced.keys()]], ['gone', 'attached', ['e2']]);
  await w.endpoints.delete('e2');
  w.sandboxes.set('/ns/web', 3n);
  await w.endpoints.revive();
  assert.deepEqual([w.state('e1'), [...w.announced.keys()]], ['attached', ['e1']]);
});

test('of two that hold one address on disk, that whose sandbox exists comes back, and the other is said to be dropped', async () => {
  const w = await attachedWorld();
  const [e1] = w.saved;
  w.saved = [{ ...e1!, id: 'dead' as EndpointId, target: '/ns/dead' }, e1!];
  await w.restart();
  assert.deepEqual(w.endpoints.list().map((e) => e.id), ['e1']);
  assert.deepEqual([[...w.announced.keys()], w.state()], [['e1'], 'attached']);
  assert.ok(w.logged.includes('endpoint-dropped'));
}); // prettier-ignore

test('an attach that a kill cut off is ended at the next launch, or taken back when its sandbox is gone', async () => {
  for (const isThere of [true, false]) {
    const w = new World();
    w.sandboxes.set('/ns/web', 1n);
    w.killedIn = 'e1';
    void w.endpoints.attach({ target: '/ns/web', id: 'e1', ...IPS });
    await new Promise((resolve) => setImmediate(resolve));
    w.killedIn = undefined;
    if (!isThere) w.sandboxes.clear();
    await w.restart();
    assert.equal(w.state(), isThere ? 'attached' : undefined);
    assert.deepEqual([w.saved.length, w.announced.size, w.joined.size], isThere ? [1, 1, 1] : [0, 0, 0]);
    if (isThere) assert.equal((await w.endpoints.detach('/ns/web', {})).length, 1);
  }
});

test('an endpoint without a sandbox is detached by its id, as who wants its address is told', async () => {
  const w = new World();
  w.sandboxes.set('/ns/web', 1n);
  await w.endpoints.create('e1', IPS);
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', ...IPS }), { remedy: 'mesh detach e1' });
  assert.deepEqual((await w.endpoints.detach('e1', {})).map((e) => e.id), ['e1']);
  assert.deepEqual([w.saved, w.announced.size], [[], 0]);
}); // prettier-ignore

test('attach replaces what a sandbox of the same name had, and a refusal leaves that waiting', async () => {
  const w = await attachedWorld();
  w.sandboxes.set('/ns/web', 2n); // made anew, and nobody has noticed
  w.elsewhere.add('10.32.0.2');
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', id: 'e1', ips: ['10.32.0.2/12'] }), Refused);
  assert.deepEqual([w.state(), w.announced.size], ['gone', 0]);
  w.takenIfnames.add('/ns/web mesh0');
  await assert.rejects(w.endpoints.attach({ target: '/ns/web', id: 'e1', ips: ['10.32.0.3/12'] }), Refused);
  assert.deepEqual([w.endpoints.list()[0]?.ips, w.state(), w.announced.size], [['10.32.0.1/12'], 'gone', 0]);
  w.takenIfnames.clear();
  await w.endpoints.attach({ target: '/ns/web', id: 'e1', ips: ['10.32.0.3/12'] });
  assert.deepEqual([w.state(), w.announced.get(E1)], ['attached', ['10.32.0.3']]);
});

test('who closes waits for the attach under way, and takes no other', async () => {
  const w = new World();
  w.sandboxes.set('/ns/web', 1n);
  const attach = w.endpoints.attach({ target: '/ns/web', id: 'e1', ...IPS });
  await Promise.resolve();
  await Promise.resolve();
  await w.endpoints.close(new Refused('the router is stopping'));
  assert.equal(w.state(), 'attached');
  await attach;
  await assert.rejects(w.endpoints.create('e2', IPS), { message: 'the router is stopping' });
});

test('an address with two prefix lengths is refused', async () => {
  const w = new World();
  await assert.rejects(w.endpoints.create('e1', { ips: ['10.32.0.1/12', '10.32.0.1/16'] }), {
    message: '10.32.0.1 cannot have the prefix lengths 12 and 16 at once',
  });
});

type Op = (w: World) => unknown;
const anyId = fc.constantFrom('e1', 'e2', 'e3');
const anyNs = fc.constantFrom('/ns/a', '/ns/b', '/proc/9/ns/net');
const anyIp = fc.constantFrom('10.32.0.1/12', '10.32.0.2/12', '10.32.0.3/8');
const anyIfname = fc.constantFrom('mesh0', 'mesh1');
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(anyId, anyIp).map(([id, ip]): Op => (w) => w.endpoints.create(id, { ips: [ip] })),
  fc.tuple(anyId, anyNs, anyIfname).map(([id, netns, ifname]): Op => (w) => w.endpoints.join(id, { netns, ifname })),
  fc.tuple(anyNs, anyIp, anyIfname).map(([target, ip, ifname]): Op => (w) => w.endpoints.attach({ target, ips: [ip], ifname })),
  anyId.map((id): Op => (w) => w.endpoints.leave(id)),
  anyId.map((id): Op => (w) => w.endpoints.delete(id)),
  anyNs.map((target): Op => (w) => w.endpoints.detach(target, {})),
  fc.tuple(anyNs, fc.bigInt(1n, 3n)).map(([path, inode]): Op => (w) => w.sandboxes.set(path, inode)),
  anyNs.map((path): Op => (w) => (w.sandboxes.delete(path), w.endpoints.ids().forEach((id) => w.endpoints.gone(id)))),
  fc.nat(TEN_MINUTES).map((ms): Op => (w) => ((w.now += ms), w.endpoints.revive())),
  fc.constant<Op>((w) => w.restart()),
); // prettier-ignore

test('whatever is asked and whatever dies, disk, links and announcements agree, and no address has two endpoints', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyOp, { maxLength: 40 }), async (ops) => {
      const w = new World();
      for (const op of ops) {
        try {
          await op(w);
        } catch (e) {
          assert.ok(e instanceof Refused, String(e));
        }
        await Promise.all(w.endpoints.ids().map((id) => w.endpoints.create(id, {}).catch(() => undefined)));
        const list = w.endpoints.list();
        assert.deepEqual(w.saved.map((e) => e.id), list.map((e) => e.id), 'on disk');
        assert.deepEqual([...w.joined.keys()].sort(), list.filter((e) => e.state === 'attached').map((e) => e.id).sort(), 'links');
        assert.deepEqual([...w.announced.keys()].sort(), list.filter((e) => e.state !== 'gone').map((e) => e.id).sort(), 'announced');
        const given = [...w.announced.values()].flat();
        assert.equal(new Set(given).size, given.length, `given twice: ${given.join()}`);
      }
    }),
    { numRuns: 300 },
  );
}); // prettier-ignore
