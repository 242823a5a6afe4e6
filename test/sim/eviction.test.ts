// `mesh evict`: a peer is out everywhere at once, and stays out, whoever was away and whatever it says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../../router/types.js';
import { encodeGone, evictedKey, goneKey } from '../../router/wire/records.js';
import type { World, WorldHost } from './world.js';
import { inWorld } from './world/in-world.js';
import { names } from './world/shapes.js';

const MAC = '02:00:00:00:00:0a';

function scenario(sentence: string, run: (mesh: World) => void): void {
  test(sentence, () => {
    for (const seed of [1, 2, 3]) inWorld(seed, run);
  });
}

/** `n` routers that see one another; h3 has an endpoint. */
function meshOf(mesh: World, n: number): void {
  const [first, ...rest] = names(n);
  mesh.start(first!);
  for (const name of rest) mesh.start(name, [first!]);
  mesh.attach('h3', '10.32.0.3', MAC);
  mesh.until('all see all', () => mesh.allSeeAll(), 20_000);
  mesh.run(5_000);
}

const evict = (mesh: World, by: string, whom = 'h3'): void =>
  mesh.host(by).router.dispatch({ kind: 'evict', peer: mesh.host(whom).id });

function isOut(host: WorldHost, id: PeerId): boolean {
  const { core } = host.router;
  return (
    core.ledger.isEvicted(id) &&
    !core.ledger.book.has(id) &&
    core.connections.of(id) === undefined &&
    core.options.store.topics(id).length === 0 &&
    host.table.macs.get(MAC) === undefined &&
    !host.table.members.has(id)
  );
}

const others = (mesh: World, id: PeerId): readonly WorldHost[] => mesh.running().filter((h) => h.id !== id);
const isOutEverywhere = (mesh: World, id: PeerId): boolean => others(mesh, id).every((h) => isOut(h, id));
const staysOut = (mesh: World, id: PeerId, ms: number): void => {
  for (let at = 0; at < ms; at += 100) {
    mesh.run(100);
    assert.ok(isOutEverywhere(mesh, id));
  }
};

scenario('an evicted peer is out everywhere within 2 s, and its key does not bring it back', (mesh) => {
  meshOf(mesh, 10);
  const { id } = mesh.host('h3');
  evict(mesh, 'h0');
  mesh.until('out everywhere', () => isOutEverywhere(mesh, id), 2_000);
  staysOut(mesh, id, 20_000);
  mesh.restart('h3');
  staysOut(mesh, id, 20_000);
  mesh.restart('h3', { dial: ['h5'] });
  staysOut(mesh, id, 20_000);
  const { core, now } = mesh.host('h3').router;
  assert.equal(core.farewells.shown(now)?.reason, 'this router was evicted from the mesh');
  for (const h of others(mesh, id))
    for (const o of others(mesh, id)) if (o !== h) assert.equal(h.router.core.ledger.book.get(o.id)?.state, 'alive');
});

scenario('in a sparse mesh as well', (mesh) => {
  meshOf(mesh, 60);
  const { id } = mesh.host('h3');
  evict(mesh, 'h40');
  mesh.until('out everywhere', () => isOutEverywhere(mesh, id), 2_000);
  staysOut(mesh, id, 10_000);
});

scenario('who was away, or on the other side of a cut, has it out as soon as it is back', (mesh) => {
  meshOf(mesh, 6);
  const { id } = mesh.host('h3');
  mesh.kill('h5');
  mesh.partition(['h0', 'h1', 'h2'], ['h3', 'h4', 'h5']);
  evict(mesh, 'h0');
  mesh.run(10_000);
  mesh.heal();
  mesh.restart('h5'); // it dials, and knows from its disk, the evicted as well
  mesh.until('out everywhere', () => isOutEverywhere(mesh, id), 10_000);
  staysOut(mesh, id, 20_000);
});

scenario('who evicted may leave: the others remember, over restarts too', (mesh) => {
  meshOf(mesh, 5);
  const { id } = mesh.host('h3');
  evict(mesh, 'h0');
  mesh.run(2_000);
  mesh.leave('h0');
  mesh.run(2_000);
  for (const name of ['h1', 'h2', 'h4']) mesh.restart(name);
  staysOut(mesh, id, 30_000);
});

scenario('with another key the host may join', (mesh) => {
  meshOf(mesh, 4);
  const { id } = mesh.host('h3');
  evict(mesh, 'h0');
  mesh.run(2_000);
  mesh.restart('h3', { disk: 'none', dial: ['h0'] });
  mesh.until('all see all', () => mesh.allSeeAll(), 5_000);
  assert.ok(mesh.host('h3').id !== id && isOutEverywhere(mesh, id));
});

scenario(
  'what the evicted wrote beforehand against it does not help: neither a tombstone nor a word with any sequence',
  (mesh) => {
    meshOf(mesh, 5);
    const { id, router } = mesh.host('h3');
    const { ledger } = router.core;
    ledger.put('core', evictedKey(id), encodeGone({ incarnation: 1, why: 'left' }), 2 ** 48);
    ledger.put('core', evictedKey(id), undefined, 2 ** 48);
    ledger.put('core', goneKey(id), encodeGone({ incarnation: 1, why: 'left' }), 2 ** 48);
    mesh.run(3_000);
    evict(mesh, 'h1');
    mesh.until('out everywhere', () => isOutEverywhere(mesh, id), 2_000);
    staysOut(mesh, id, 20_000);
  },
);
