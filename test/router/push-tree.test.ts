import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exchange, type FrameOut } from '../../router/exchange.js';
import type { RecordStore } from '../../router/gossip/store.js';
import type { Millis, PeerId } from '../../router/types.js';
import { FrameType } from '../../router/wire/stream.js';
import { peerOf } from '../support/peers.js';
import { bytes, newStore } from '../support/stores.js';
import { seededRandom } from '../support/virtual-time.js';

const HOP_MS = 2;
const STEP_MS = 10;

interface Node {
  readonly id: PeerId;
  readonly store: RecordStore;
  readonly exchange: Exchange;
  readonly neighbours: PeerId[];
}

/** Exchanges joined by a ring and random edges, as the connections of a sparse mesh are. */
class Mesh {
  readonly nodes = new Map<PeerId, Node>();
  readonly #random: () => number;
  /** In order of time, as all hops take the same. */
  readonly #queue: { readonly at: number; readonly from: PeerId; readonly frame: FrameOut }[] = [];
  #delivered = 0;
  #now = 0;
  /** Block frames that arrived. */
  blocks = 0;
  /** Frames that asked for what the tree did not bring. */
  grafts = 0;
  loses: (from: PeerId, to: PeerId, type: number) => boolean = () => false;

  constructor(size: number, degree: number, seed: number) {
    this.#random = seededRandom(seed);
    for (let i = 1; i <= size; i++) this.#add(i);
    const ids = [...this.nodes.keys()];
    ids.forEach((id, i) => this.#join(id, ids[(i + 1) % size]!));
    for (let i = 0; i < (size * (degree - 2)) / 2; i++) this.#join(this.pick(ids), this.pick(ids));
    for (const n of this.nodes.values()) for (const to of n.neighbours) this.#send(n.id, n.exchange.up(to, this.#at));
    this.run(3_000);
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!;
  }

  /** @returns the new version of the stream */
  put(id: PeerId, value: number): number {
    const n = this.nodes.get(id)!;
    n.store.put('core', 'x', bytes(value));
    this.#send(id, n.exchange.tick(n.neighbours, this.#at));
    this.#send(id, n.exchange.push(n.neighbours));
    return n.store.head(id, 'core');
  }

  knowing(owner: PeerId, head: number): number {
    return [...this.nodes.values()].filter((n) => n.store.head(owner, 'core') >= head).length;
  }

  run(ms: number): void {
    for (const end = this.#now + ms; this.#now < end; this.#now += STEP_MS) {
      this.#deliver();
      for (const n of this.nodes.values()) if (n.exchange.nextDeadline() <= this.#now) this.#tick(n);
    }
  }

  #tick({ id, exchange, neighbours }: Node): void {
    for (const { out, changes } of exchange.turn(neighbours, this.#at)) {
      void [...changes];
      this.#send(id, out);
    }
    this.#send(id, exchange.tick(neighbours, this.#at));
  }

  get #at(): Millis {
    return this.#now as Millis;
  }

  #deliver(): void {
    for (;;) {
      const next = this.#queue[this.#delivered];
      if (next === undefined || next.at > this.#now) return;
      this.#delivered++;
      const { from, frame } = next;
      if (this.loses(from, frame.to, frame.type)) continue;
      if (frame.type === FrameType.block) this.blocks++;
      if (frame.type === FrameType.graft) this.grafts++;
      const to = this.nodes.get(frame.to)!;
      const { out, changes } = to.exchange.frame(from, frame.type, frame.body, to.neighbours, next.at as Millis);
      void [...changes];
      this.#send(to.id, out, next.at);
    }
  }

  #send(from: PeerId, frames: readonly FrameOut[], at = this.#now): void {
    for (const frame of frames) this.#queue.push({ at: at + HOP_MS, from, frame });
  }

  #add(n: number): void {
    const store = newStore(n);
    store.put('core', 'peer', bytes(n & 255));
    store.flush();
    const exchange = new Exchange(
      store,
      this.#random,
      () => false,
      0 as Millis,
      () => true,
    );
    this.nodes.set(peerOf(n), { id: peerOf(n), store, exchange, neighbours: [] });
  }

  #join(a: PeerId, b: PeerId): void {
    const [one, other] = [this.nodes.get(a)!.neighbours, this.nodes.get(b)!.neighbours];
    if (a === b || one.includes(b)) return;
    one.push(b);
    other.push(a);
  }
}

test('in a sparse mesh each router gets each block about once, whoever wrote it', () => {
  const mesh = new Mesh(50, 10, 1);
  const ids = [...mesh.nodes.keys()];
  for (let i = 0; i < 20; i++) {
    mesh.put(mesh.pick(ids), i);
    mesh.run(400);
  }
  mesh.blocks = 0;
  for (let i = 0; i < 50; i++) {
    const owner = mesh.pick(ids);
    const head = mesh.put(owner, 100 + i);
    mesh.run(100);
    assert.equal(mesh.knowing(owner, head), ids.length, 'all know within 100 ms');
    mesh.run(300);
  }
  const copies = mesh.blocks / 50 / (ids.length - 1);
  assert.ok(copies < 1.2, `${copies} copies`);
});

test('blocks of many owners that are on their way at once leave the tree in one piece', () => {
  const mesh = new Mesh(50, 10, 3);
  const ids = [...mesh.nodes.keys()];
  const write = (times: number): void => {
    for (let i = 0; i < times; i++) {
      mesh.put(mesh.pick(ids), i);
      mesh.run(STEP_MS);
    }
  };
  write(1_000);
  mesh.blocks = mesh.grafts = 0;
  write(500);
  mesh.run(100);
  const copies = mesh.blocks / 500 / (ids.length - 1);
  assert.ok(copies < 1.4, `${copies} copies`);
  assert.ok(mesh.grafts < 1_000, `${mesh.grafts} grafts`);
});

test('what the tree loses is asked of those who said that they have it, and the tree grows anew', () => {
  const mesh = new Mesh(50, 10, 2);
  const ids = [...mesh.nodes.keys()];
  for (let i = 0; i < 20; i++) {
    mesh.put(mesh.pick(ids), i);
    mesh.run(400);
  }
  const dead = new Set(ids.slice(0, 5)); // a tenth stands still, and nobody has noticed
  mesh.loses = (from, to) => dead.has(from) || dead.has(to);
  const living = ids.filter((id) => !dead.has(id));
  for (let i = 0; i < 10; i++) {
    const owner = mesh.pick(living);
    const head = mesh.put(owner, 100 + i);
    mesh.run(1_500);
    assert.equal(mesh.knowing(owner, head), living.length, `all that live know within 1.5 s, change ${i}`);
  }
});

const at = (ms: number): Millis => ms as Millis;
const make = (n: number): Exchange =>
  new Exchange(
    newStore(n),
    () => 0.5,
    () => false,
    at(0),
    () => true,
  );

function firstBlock(): Uint8Array {
  const owner = newStore(9);
  owner.put('core', 'x', bytes(1));
  return owner.flush()[0]!;
}

test('a branch is closed once, and what is told instead is asked for when it does not come', () => {
  const [a, b, block] = [make(1), make(2), firstBlock()];
  const [A, B, ...others] = [1, 2, 3, 4, 5, 6].map(peerOf) as [PeerId, PeerId, ...PeerId[]];
  const news = a.frame(peerOf(9), FrameType.block, block, [peerOf(9), B, ...others], at(0)).out;
  assert.deepEqual(news.map((f) => f.to), [B, ...others]); // prettier-ignore
  const prune = a.frame(B, FrameType.block, block, [B, ...others], at(10)).out;
  assert.deepEqual(prune, [{ to: B, type: FrameType.prune, body: bytes() }]);
  assert.deepEqual(a.frame(B, FrameType.block, block, [B, ...others], at(11)).out, [], 'it was told');
  const [have] = a.tick([B, ...others], at(100));
  assert.deepEqual([have!.to, have!.type], [B, FrameType.have]);
  assert.deepEqual(b.frame(A, have!.type, have!.body, [A], at(101)).out, []);
  assert.equal(b.nextDeadline(), 101 + 300 + 150);
  const [graft] = b.tick([A], at(551));
  assert.deepEqual([graft!.to, graft!.type], [A, FrameType.graft]);
  assert.deepEqual(a.frame(B, graft!.type, graft!.body, [B, ...others], at(552)).out, [
    { to: B, type: FrameType.block, body: block },
  ]);
});

test('one of a few open branches is closed when it brings what is known for a while, and again when its end did not hear', () => {
  const [a, block] = [make(1), firstBlock()];
  const neighbours = [2, 3].map(peerOf);
  const repeat = (ms: number): number => a.frame(peerOf(2), FrameType.block, block, neighbours, at(ms)).out.length;
  a.frame(peerOf(9), FrameType.block, block, neighbours, at(0));
  assert.deepEqual([10, 509, 510].map(repeat), [0, 0, 1], 'half a second, by chance');
  assert.deepEqual([511, 1_509, 1_510].map(repeat), [0, 0, 1], 'what was on its way is not answered');
});

test('the only branch that is open stays open, whatever it brings and whoever wants it closed', () => {
  const [a, b, block] = [make(1), make(2), firstBlock()];
  const [A, B, C] = [1, 2, 3].map(peerOf) as [PeerId, PeerId, PeerId];
  a.frame(B, FrameType.block, block, [B, C], at(0));
  a.frame(C, FrameType.prune, bytes(), [B, C], at(1));
  const repeat = (ms: number): readonly FrameOut[] => a.frame(B, FrameType.block, block, [B, C], at(ms)).out;
  assert.deepEqual([10, 1_010, 2_010].flatMap(repeat), []);
  const [graft] = a.frame(B, FrameType.prune, bytes(), [B, C], at(3_000)).out;
  assert.deepEqual([graft!.to, graft!.type], [B, FrameType.graft]);
  b.frame(A, FrameType.prune, bytes(), [A, C], at(2_999));
  assert.deepEqual(b.frame(A, graft!.type, graft!.body, [A, C], at(3_001)).out, []);
  const told = b.frame(C, FrameType.block, block, [A, C], at(3_002)).out;
  assert.deepEqual(told.map((f) => f.to), [A]); // prettier-ignore
});

test('garbage in the frames of the tree is a counted drop', () => {
  const a = new Exchange(
    newStore(1),
    () => 0.5,
    () => false,
    0 as Millis,
  );
  const drop = (type: number): readonly string[] =>
    a.frame(peerOf(2), type, bytes(255, 1), [peerOf(2)], 0 as Millis).drops;
  assert.deepEqual([...drop(FrameType.have), ...drop(FrameType.graft)], ['have-format', 'graft-format']);
});
