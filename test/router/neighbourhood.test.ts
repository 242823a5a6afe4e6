import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dialer } from '../../router/connection/dialer.js';
import { Neighbours } from '../../router/connection/neighbours.js';
import { SPARE_MS } from '../../router/connection/spares.js';
import { Neighbourhood } from '../../router/neighbourhood.js';
import type { PeerState } from '../../router/peer-book.js';
import type { Ip, Millis, PeerId } from '../../router/types.js';
import { encodeSpare } from '../../router/wire/spare.js';
import { scatteredPeer } from '../support/peers.js';
import { seededRandom } from '../support/virtual-time.js';

const FULL_MESH = 4;
const at = (ms: number): Millis => ms as Millis;
const PEERS = Array.from({ length: 60 }, (_, i) => scatteredPeer(i + 1)).sort();
/** Lower than all others: it is the one that closes. */
const SELF = '0'.repeat(32) as PeerId;
const VIEW = new Neighbours(SELF, FULL_MESH);
for (const peer of PEERS) VIEW.add(peer);
const MOST = PEERS.length;
const STRANGERS = PEERS.filter((peer) => !VIEW.wants(peer));

/** A router that knows sixty others; what it does is kept, and who is connected is up to the test. */
class Lab {
  readonly random = seededRandom(1);
  readonly dialer = new Dialer(this.random);
  readonly connected = new Set<PeerId>();
  readonly states = new Map<PeerId, PeerState>();
  readonly idle = new Set<PeerId>();
  readonly told: string[] = [];
  readonly closed: PeerId[] = [];
  hasWayAround = true;
  readonly neighbourhood = new Neighbourhood({ self: SELF, random: this.random, fullMesh: FULL_MESH }, this.dialer, {
    addresses: (peer) => [{ ip: peer as string as Ip, port: 6783 }],
    state: (peer) => this.states.get(peer),
    wasReached: () => false,
    isConnected: (peer) => this.connected.has(peer),
    connected: () => this.connected.size,
    hasWayAround: () => this.hasWayAround,
    tell: (peer, body) => void this.told.push(`${peer} ${body[0] === 1 ? 'spare' : 'needed'}`),
    idle: (peer, isIdle) => void (isIdle ? this.idle.add(peer) : this.idle.delete(peer)),
    close: (peer, now) => {
      this.closed.push(peer);
      this.down(peer, now);
    },
  });

  constructor(remembered: readonly PeerId[] = PEERS) {
    for (const peer of remembered) this.neighbourhood.published(peer, at(0));
    this.neighbourhood.act(true, at(0));
  }

  up(peer: PeerId, now: number): void {
    this.connected.add(peer);
    this.neighbourhood.up(peer, at(now));
  }

  down(peer: PeerId, now: number): void {
    this.connected.delete(peer);
    this.neighbourhood.down(peer, at(0), at(now));
  }

  /** Whom it dials at a time; each dial fails. */
  dials(now: number): string[] {
    this.neighbourhood.act(true, at(now));
    const dials = this.dialer.tick(at(now), this.neighbourhood.rests);
    for (const { conn } of dials) this.dialer.failed(conn, 'timeout', 'soon', at(now));
    return dials.map(({ host }) => host);
  }

  /** With so many connections to neighbours, and one to somebody else, which both ends have no use for. */
  spare(neighbours: number, other: PeerId): number {
    for (const peer of PEERS.filter((p) => VIEW.wants(p)).slice(0, neighbours)) this.up(peer, 0);
    this.up(other, 0);
    const now = 1.5 * SPARE_MS;
    this.neighbourhood.act(true, at(now));
    this.neighbourhood.heard(other, encodeSpare(true), at(now));
    this.neighbourhood.act(true, at(now));
    return now;
  }
}

test('neighbours that the disk remembers are dialled at once, the others are idle', () => {
  const lab = new Lab();
  assert.deepEqual(
    lab.dials(0).sort(),
    PEERS.filter((peer) => VIEW.wants(peer)),
  );
  assert.deepEqual([...lab.idle].sort(), STRANGERS);
});

test('of a flock that is heard of, those that are wanted are dialled when nobody new came for 100 ms', () => {
  const lab = new Lab([]);
  for (const [i, peer] of PEERS.entries()) {
    lab.neighbourhood.published(peer, at(i * 10));
    assert.deepEqual(lab.dials(i * 10), []);
  }
  const lastAt = (PEERS.length - 1) * 10;
  assert.deepEqual(lab.dials(lastAt + 99), []);
  assert.equal(lab.neighbourhood.nextDeadline(), lastAt + 100);
  const wanted = PEERS.filter((peer) => VIEW.wants(peer));
  assert.deepEqual(lab.dials(lastAt + 100).sort(), wanted);
});

test('of a flock without an end those that are wanted are dialled after a second', () => {
  const lab = new Lab([]);
  for (const [i, peer] of PEERS.slice(0, 20).entries()) {
    lab.neighbourhood.published(peer, at(i * 50));
    assert.deepEqual(lab.dials(i * 50), []);
  }
  lab.neighbourhood.published(PEERS[20]!, at(1_000));
  assert.ok(lab.dials(1_000).length > 0);
});

test('a peer that traffic goes to is dialled at once, and idle no more', () => {
  const lab = new Lab();
  const [peer] = STRANGERS as [PeerId];
  lab.dials(0);
  lab.neighbourhood.demand(peer, true, at(10_000));
  assert.ok(lab.dials(10_000).includes(peer));
  assert.ok(!lab.idle.has(peer));
  lab.neighbourhood.demand(peer, false, at(20_000));
  lab.dials(20_000);
  assert.ok(lab.idle.has(peer));
});

test('a connection that neither end has a use for is closed, and its target not dialled until there is one', () => {
  const lab = new Lab();
  const [peer] = STRANGERS as [PeerId];
  lab.dialer.addTarget({ text: 'seed', host: 'seed', port: 6783 }, at(0));
  const dial = lab.dialer.tick(at(0), lab.neighbourhood.rests).find(({ host }) => host === 'seed');
  lab.dialer.succeeded(dial!.conn, peer);
  const now = lab.spare(MOST, peer);
  assert.deepEqual([lab.told, lab.closed], [[`${peer} spare`], [peer]]);
  assert.ok(lab.idle.has(peer));
  assert.ok(!lab.dials(now + 60_000).includes('seed'));
  lab.neighbourhood.stateChanged(peer, 'faulty', at(now + 70_000));
  assert.ok(lab.dials(now + 70_000).includes('seed'), 'when it is held faulty');
});

test('a connection is kept where there is no way around it, and where there are few others', () => {
  const [peer] = STRANGERS as [PeerId];
  const alone = new Lab();
  alone.hasWayAround = false;
  alone.spare(MOST, peer);
  const poor = new Lab();
  poor.spare(3, peer);
  assert.deepEqual([alone.told, alone.closed, poor.told, poor.closed], [[], [], [], []]);
});

test('when few connections are left, targets that rested are dialled again', () => {
  const lab = new Lab();
  const [peer] = STRANGERS as [PeerId];
  lab.dialer.addTarget({ text: 'seed', host: 'seed', port: 6783 }, at(0));
  const dial = lab.dialer.tick(at(0), lab.neighbourhood.rests).find(({ host }) => host === 'seed');
  lab.dialer.succeeded(dial!.conn, peer);
  const now = lab.spare(MOST, peer) + 60_000;
  assert.ok(!lab.dials(now).includes('seed'));
  while (lab.connected.size > 3) lab.down([...lab.connected][0]!, now);
  assert.ok(lab.dials(now).includes('seed'));
});

test('with nobody to be reached others are tried one by one, and with enough connections no more', () => {
  const lab = new Lab();
  const tried = new Set<string>();
  const strange = (now: number): string[] => lab.dials(now).filter((host) => STRANGERS.includes(host as PeerId));
  for (let now = 0; now < 300_000; now += 500) {
    const some = strange(now);
    assert.ok(some.length <= 1, some.join());
    for (const host of some) tried.add(host);
  }
  assert.ok(tried.size > 15 && tried.size < 150, `${tried.size} in five minutes`);
  for (const peer of STRANGERS.slice(0, 3)) lab.up(peer, 300_000);
  for (let now = 300_500; now < 330_000; now += 500) assert.deepEqual(strange(now), []);
});
