// `mesh secret rotate` on whole routers: all who can be reached take the new secret, and who was away has a way back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldSecret, newestOf, onlySecret, type HeldSecret } from '../../router/trust/secrets.js';
import { snapshotRouter } from '../../router/snapshot.js';
import type { World, WorldHost } from './world.js';
import { inWorld } from './world/in-world.js';
import { names } from './world/shapes.js';

const secretOf = (n: number): HeldSecret => heldSecret(`secret-${n}`, new Uint8Array(32).fill(n));
const FIRST = secretOf(1);
const [NEW, OTHER] = [secretOf(2), secretOf(3)];

function scenario(sentence: string, run: (mesh: World) => void): void {
  test(sentence, () => {
    for (const seed of [1, 2, 3]) inWorld(seed, run);
  });
}

const launch = { secrets: onlySecret(FIRST) };

function meshOf(mesh: World, n: number): void {
  const [first, ...rest] = names(n);
  mesh.start(first!, [], launch);
  for (const name of rest) mesh.start(name, [first!], launch);
  mesh.until('all see all', () => mesh.allSeeAll(), 20_000);
  mesh.run(5_000);
}

const rotate = (mesh: World, by: string, { text, root }: HeldSecret = NEW): void =>
  mesh.host(by).router.dispatch({ kind: 'rotate', text, root });

const held = (h: WorldHost): readonly string[] => h.router.core.rotation.secrets!.held.map(({ text }) => text);
const has = (h: WorldHost, { text }: HeldSecret): boolean => held(h)[0] === text;
const hasOnly = (h: WorldHost, secret: HeldSecret): boolean => has(h, secret) && held(h).length === 1;
const allHaveOnly = (mesh: World, secret: HeldSecret, but: readonly string[] = []): boolean =>
  mesh.running().every((h) => but.includes(h.name) || hasOnly(h, secret));
const countOf = (h: WorldHost, event: string): number => h.log.filter((line) => line.startsWith(event)).length;

/** What an operator types on a host that was away: `mesh connect HOST --secret SECRET`. */
function bringBack(mesh: World, name: string, to: string, secret: HeldSecret): void {
  mesh.host(name).router.dispatch({ kind: 'offer', secret: heldSecret(secret.text, secret.root) });
  mesh.connect(name, to);
}

scenario('all who are there have the new secret within 10 s, and no connection is made anew', (mesh) => {
  meshOf(mesh, 10);
  const before = mesh.running().map((h) => [countOf(h, 'connection-down'), countOf(h, 'peer-suspect')]);
  rotate(mesh, 'h4');
  mesh.until('all have the new one alone', () => allHaveOnly(mesh, NEW), 10_000);
  mesh.run(30_000);
  assert.deepEqual(
    mesh.running().map((h) => [countOf(h, 'connection-down'), countOf(h, 'peer-suspect')]),
    before,
  );
  for (const h of mesh.running()) assert.equal(h.router.core.trust.keys.id, NEW.keys.id);
});

scenario('also where packets are lost', (mesh) => {
  meshOf(mesh, 10);
  mesh.wires({ loss: 0.05, jitterMs: 20 });
  rotate(mesh, 'h0');
  mesh.until('all have the new one alone', () => allHaveOnly(mesh, NEW), 20_000);
});

scenario('a sparse mesh of sixty tells each router once', (mesh) => {
  meshOf(mesh, 60);
  rotate(mesh, 'h33');
  mesh.until('all have the new one alone', () => allHaveOnly(mesh, NEW), 15_000);
  for (const h of mesh.running()) assert.equal(countOf(h, 'secret-taken'), 1);
  assert.deepEqual(
    mesh.running().map((h) => h.router.core.drops.get('rotation-again') ?? 0),
    mesh.running().map(() => 0),
  );
});

scenario(
  'who joins with the new secret while it spreads is let in, and who joins with the old one is not told',
  (mesh) => {
    meshOf(mesh, 5);
    mesh.wires({ latencyMs: 100 });
    rotate(mesh, 'h0');
    mesh.start('new', ['h0'], { secrets: onlySecret(NEW) });
    mesh.start('stranger', ['h4'], launch);
    mesh.until('all who may have it do', () => allHaveOnly(mesh, NEW, ['stranger']), 20_000);
    mesh.run(30_000);
    assert.ok(mesh.host('new').router.core.connections.count > 0);
    const { core } = mesh.host('stranger').router;
    assert.deepEqual([held(mesh.host('stranger')), core.connections.count], [[FIRST.text], 0]);
  },
);

scenario(
  'two at once: all have the same in the end, and a router of either kind meets the others all the while',
  (mesh) => {
    meshOf(mesh, 10);
    mesh.wires({ latencyMs: 150 });
    rotate(mesh, 'h1', NEW);
    rotate(mesh, 'h8', OTHER);
    mesh.run(80);
    const winner = NEW.keys.id > OTHER.keys.id ? NEW : OTHER;
    mesh.until('all have the winner alone', () => allHaveOnly(mesh, winner), 20_000);
    for (const h of mesh.running()) assert.equal(h.router.core.connections.count, 9);
  },
);

scenario('a router that crashes on the way goes on from its disk, and the one that ordered it may be gone', (mesh) => {
  meshOf(mesh, 8);
  mesh.wires({ latencyMs: 50 });
  rotate(mesh, 'h2');
  mesh.until('one has it', () => has(mesh.host('h6'), NEW), 1_000);
  mesh.restart('h5');
  mesh.kill('h2');
  mesh.until('all have the new one alone', () => allHaveOnly(mesh, NEW), 30_000);
  mesh.restart('h2');
  mesh.until('it is back', () => mesh.allSeeAll() && allHaveOnly(mesh, NEW), 30_000);
});

scenario('who was away is refused and knows why, and one command brings it back with what it has', (mesh) => {
  meshOf(mesh, 6);
  mesh.attach('h5', '10.32.0.5', '02:00:00:00:00:05');
  mesh.run(2_000);
  mesh.kill('h5');
  mesh.run(10_000);
  rotate(mesh, 'h0');
  mesh.until('the others have it', () => allHaveOnly(mesh, NEW), 10_000);
  mesh.restart('h5');
  mesh.run(10_000);
  const away = mesh.host('h5');
  const now = away.router.now;
  assert.deepEqual([held(away), away.router.core.connections.count], [[FIRST.text], 0]);
  assert.ok(away.router.core.keptOut.shown(now) !== undefined, 'it knows who refuses it, and why');
  assert.equal(countOf(away, 'secret-outdated'), 1);
  const said = mesh.running().flatMap((h) => snapshotRouter(h.router.core, now).strangers.map((s) => s.reason));
  assert.ok(said.includes('it has a former secret of this mesh: it was away when that was changed'));
  bringBack(mesh, 'h5', 'h0', NEW);
  mesh.until('it is back', () => mesh.allSeeAll() && allHaveOnly(mesh, NEW), 20_000);
  assert.equal(away.router.core.keptOut.shown(away.router.now), undefined);
  assert.equal(mesh.host('h1').table.macs.get('02:00:00:00:00:05'), away.id);
});

scenario('half a mesh that was cut off is brought back by one command on one of it', (mesh) => {
  meshOf(mesh, 8);
  const [here, there] = [names(8).slice(0, 4), names(8).slice(4)];
  mesh.partition(here, there);
  mesh.run(15_000);
  rotate(mesh, 'h1');
  mesh.until('one side has it', () => here.every((name) => hasOnly(mesh.host(name), NEW)), 10_000);
  mesh.heal();
  mesh.run(15_000);
  for (const name of there) assert.deepEqual(held(mesh.host(name)), [FIRST.text]);
  bringBack(mesh, 'h6', 'h0', NEW);
  mesh.until('all have it', () => mesh.allSeeAll() && allHaveOnly(mesh, NEW), 60_000 + 20_000);
});

scenario('a secret that an operator gives for this mesh does not join it to another', (mesh) => {
  meshOf(mesh, 4);
  mesh.start('foreign', [], { founds: true, secrets: onlySecret(OTHER) });
  mesh.run(3_000);
  bringBack(mesh, 'h1', 'foreign', OTHER);
  mesh.run(10_000);
  assert.deepEqual(held(mesh.host('h1')), [FIRST.text]);
  assert.equal(mesh.host('foreign').router.core.connections.count, 0);
  const { book } = mesh.host('foreign').router.core.ledger;
  assert.ok(
    book.ids().every((id) => book.get(id)?.record === undefined),
    'no record crossed',
  );
});

scenario(
  'an evicted peer does not learn the new secret, and with the old one and a new key it is out as well',
  (mesh) => {
    meshOf(mesh, 10);
    mesh.wires({ latencyMs: 40, jitterMs: 60 });
    const { id } = mesh.host('h3');
    mesh.host('h0').router.dispatch({ kind: 'evict', peer: id });
    rotate(mesh, 'h0');
    mesh.run(100);
    mesh.restart('h3', { disk: 'none', dial: ['h7', 'h8'] }); // another key, the secret that it knew
    mesh.until('the others have it', () => allHaveOnly(mesh, NEW, ['h3']), 20_000);
    mesh.run(30_000);
    const out = mesh.host('h3');
    assert.deepEqual([held(out), out.router.core.connections.count], [[FIRST.text], 0]);
    for (const h of mesh.running()) assert.ok(h === out || h.router.core.connections.of(out.id) === undefined);
  },
);

scenario('an evicted peer that orders a secret of its own at the same time does not keep the mesh by it', (mesh) => {
  meshOf(mesh, 6);
  for (const name of names(6).slice(1)) for (const [a, b] of [['h0', name], [name, 'h0']] as const) mesh.wire(a, b, { latencyMs: 500 }); // prettier-ignore
  const { id } = mesh.host('h3');
  rotate(mesh, 'h3', OTHER);
  rotate(mesh, 'h3', secretOf(4)); // its number is above what others would order
  mesh.until('some believe it', () => has(mesh.host('h5'), secretOf(4)), 400);
  mesh.host('h0').router.dispatch({ kind: 'evict', peer: id });
  rotate(mesh, 'h0', NEW);
  mesh.until('the others have it', () => allHaveOnly(mesh, NEW, ['h3']), 20_000);
  assert.equal(newestOf(mesh.host('h0').router.core.rotation.secrets!).number, 3);
});
