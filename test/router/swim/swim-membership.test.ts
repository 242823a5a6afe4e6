import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSwimMembership } from '../../../router/swim/swim-membership.js';
import type { PeerId } from '../../../router/types.js';
import { decodeSwim, encodeSwim, type SwimMessage } from '../../../router/wire/swim.js';
import { membershipContract } from '../../contract/membership.js';
import { peerNumber } from '../../support/datagram-network.js';
import { Swarm, type SwarmOptions } from '../../support/swarm.js';
import { seededRandom } from '../../support/virtual-time.js';

membershipContract('swim', createSwimMembership);

/** Runs `measure` on a swarm for each seed. */
const overSeeds = (seeds: number, measure: (s: Swarm) => number, options: SwarmOptions = {}): number[] =>
  Array.from({ length: seeds }, (_, i) => {
    const s = new Swarm(createSwimMembership, i + 1, options);
    try {
      return measure(s);
    } finally {
      s.end();
    }
  });

for (const [n, seeds, kills] of [
  [10, 10, 1],
  [30, 10, 1],
  [100, 1, 5],
] as const)
  test(`of ${n} a killed one is faulty to all within five seconds, for seeds 1 to ${seeds}`, () => {
    const kill = (s: Swarm): number => {
      s.grow(n);
      s.time.run(15_000);
      const took = Array.from({ length: kills }, (_, i) => {
        s.time.run(5_000);
        s.kill(n - 1 - i);
        return s.until(() => s.agree([n - 1 - i], 'faulty'), 30_000);
      });
      return Math.max(...took);
    };
    const took = overSeeds(seeds, kill, { loss: 0.01 });
    assert.ok(Math.max(...took) <= 5000, took.join(' '));
  });

test('a suspicion is known to all of thirty within 450 ms, for seeds 1 to 10', () => {
  const spread = overSeeds(10, (s) => {
    s.grow(30);
    s.time.run(20_000);
    s.kill(29);
    s.until(() => s.agree([29], 'faulty'), 30_000);
    const times = s.changes.filter((c) => c.member.status === 'suspect').map((c) => c.at);
    return Math.max(...times) - Math.min(...times);
  });
  assert.ok(Math.max(...spread) <= 450, spread.join(' '));
});

const LATE: SwarmOptions = { loss: 0.05, lateMs: (host) => (host < 2 ? 2_000 : 0) };

test('of thirty, two of which come to everything two seconds late, nobody is buried at 5 % loss, and all get used to it', () => {
  const suspicions = (s: Swarm): number => s.changes.filter((c) => c.member.status === 'suspect').length;
  const outcomes = [1, 2, 3].map((seed) => {
    const s = new Swarm(createSwimMembership, seed, LATE);
    try {
      s.grow(30);
      s.time.run(60_000);
      const atFirst = suspicions(s);
      s.time.run(60_000);
      const before = suspicions(s);
      s.time.run(60_000);
      return { deaths: s.faultyReports(), atFirst, later: suspicions(s) - before };
    } finally {
      s.end();
    }
  });
  const sum = (of: 'deaths' | 'atFirst' | 'later'): number => outcomes.reduce((n, one) => n + one[of], 0);
  assert.equal(sum('deaths'), 0);
  assert.ok(sum('atFirst') > 300 && sum('later') < sum('atFirst') / 5, JSON.stringify(outcomes));
});

test('who comes to everything two seconds late probes all the same, and learns within twenty seconds that one has died', () => {
  const [took] = overSeeds(
    1,
    (s) => {
      s.grow(10);
      s.time.run(20_000);
      const heard = listen(s);
      s.time.run(20_000);
      const pings = heard.filter(({ message }) => message.kind === 'ping').length;
      assert.ok(pings >= 3, `${pings} pings`);
      s.kill(9);
      return s.until(() => s.agree([9], 'faulty'), 60_000);
    },
    LATE,
  );
  assert.ok(took! <= 20_000, `${took} ms`);
});

test('who pings and thinks ill of one that has refuted it is corrected, though the news is old', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(4);
    s.time.run(3000);
    const [asker, peer] = [peerNumber(1), peerNumber(2)];
    const claim = { peer, status: 'suspect', incarnation: 1, accuser: asker } as const;
    s.at(2).receive(asker, encodeSwim([{ kind: 'update', claim }]));
    s.time.run(5000);
    const heard = listen(s);
    const gossip: SwimMessage = { kind: 'update', claim };
    s.at(0).receive(asker, encodeSwim([{ kind: 'ping', seq: 1 }, gossip]));
    const answer = { kind: 'update', claim: { peer, status: 'alive', incarnation: 2 } };
    assert.deepEqual(heard, [
      { to: 1, message: { kind: 'ack', seq: 1 } },
      { to: 1, message: answer },
    ]);
    s.at(0).receive(asker, encodeSwim([gossip]));
    assert.equal(heard.length, 2, 'who only passes on news is not answered');
  } finally {
    s.end();
  }
});

test('an idle member of ten sends at most 450 bytes per second, headers and envelope included', () => {
  const [perSecond] = overSeeds(1, (s) => {
    s.grow(10);
    s.time.run(60_000);
    const before = [...s.network.sentBytes];
    s.time.run(300_000);
    return Math.max(...s.network.sentBytes.map((bytes, host) => (bytes - before[host]!) / 300));
  });
  assert.ok(perSecond! <= 450, `${perSecond} B/s`);
});

test('the same seed gives the same story', () => {
  const story = (): string => {
    const s = new Swarm(createSwimMembership, 7, { loss: 0.2 });
    try {
      s.grow(8);
      s.time.run(60_000);
      return JSON.stringify([s.changes, s.network.sentBytes]);
    } finally {
      s.end();
    }
  };
  assert.equal(story(), story());
});

test('one that hears of its own later life rises above it and says so', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(3);
    s.time.run(3000);
    const claim = [...Buffer.from(peerNumber(0), 'hex'), 0, 0, 0, 0, 0, 0, 40];
    s.at(0).receive(peerNumber(1), Uint8Array.from([1, 14, ...claim]));
    assert.deepEqual(s.refutations, [{ by: 0, incarnation: 41 }]);
    s.time.run(2000);
    assert.equal(s.at(2).member(peerNumber(0))?.incarnation, 41);
  } finally {
    s.end();
  }
});

test('a sync in the name of another is dropped', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.launch(0);
    const claim = [...Buffer.from(peerNumber(2), 'hex'), 0, 0, 0, 0, 0, 0, 1];
    s.at(0).receive(peerNumber(1), Uint8Array.from([1, 12, ...claim]));
    assert.deepEqual(s.drops, ['not-sender']);
    assert.deepEqual(s.at(0).members(), []);
  } finally {
    s.end();
  }
});

test('a goodbye that comes after the burial still counts', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(3);
    s.time.run(3000);
    s.kill(2);
    assert.ok(s.until(() => s.agree([2], 'faulty'), 10_000) < Infinity);
    s.at(0).receive(peerNumber(1), Uint8Array.from([1, 14, ...Buffer.from(peerNumber(2), 'hex'), 3, 0, 0, 0, 0, 0, 1]));
    assert.equal(s.status(0, 2), 'left');
    assert.ok(s.until(() => s.agree([2], 'left'), 3000) < Infinity, 'nobody else was told');
  } finally {
    s.end();
  }
});

const random = seededRandom(5);
const anyPeer = (): PeerId => Array.from({ length: 4 }, () => hex32(random() * 2 ** 32)).join('') as PeerId;
const hex32 = (n: number): string => Math.floor(n).toString(16).padStart(8, '0');

/** 200 datagrams of 40 claims about 8,000 peers that are not there, half of them from peers that are not there either. */
function* flood(): Generator<{ readonly from: PeerId; readonly payload: Uint8Array }> {
  for (let i = 0; i < 200; i++) {
    const claims = Array.from({ length: 40 }, (_, n): SwimMessage => {
      const peer = anyPeer();
      const status = n % 2 === 0 ? { status: 'alive' as const } : { status: 'suspect' as const, accuser: anyPeer() };
      return { kind: 'update', claim: { peer, incarnation: 7, ...status } };
    });
    const from = i % 2 === 0 ? anyPeer() : peerNumber(1);
    const own: SwimMessage = { kind: 'sync', claim: { peer: from, status: 'alive', incarnation: 3 } };
    yield { from, payload: encodeSwim([...claims, own]) };
  }
}

test('thousands of valid claims about peers that are not there make no member, no change, no news and no longer state', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(3);
    s.time.run(5000);
    for (const { from, payload } of flood()) s.at(0).receive(from, payload);
    assert.equal(s.at(0).members().length, 2);
    const heard = listen(s);
    s.time.run(60_000);
    for (const host of s.hosts) assert.equal(s.at(host).members().length, 2);
    const real = new Set([0, 1, 2].map(peerNumber));
    assert.deepEqual(
      s.changes.filter((c) => !real.has(c.member.peer)),
      [],
    );
    const told = heard.filter(({ message: m }) => 'claim' in m && !real.has(m.claim.peer));
    assert.deepEqual(told, []);
    assert.ok(s.drops.length >= 8000 - 1024 && s.drops.every((reason) => reason === 'too-many-rumours'));
    assert.ok(heard.length < 12_000, `${heard.length} messages were sent`);
    s.launch(3).sync([peerNumber(0)]);
    assert.ok(s.until(() => s.allAlive(), 2000) <= 2000, 'nobody can join any more');
  } finally {
    s.end();
  }
});

test('a newcomer joins within two seconds in the midst of a flood', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(3);
    s.time.run(5000);
    s.launch(3).sync([peerNumber(0)]);
    s.at(0).sync([peerNumber(3)]); // as the router does when a connection is up
    for (const { from, payload } of flood()) {
      s.at(0).receive(from, payload);
      s.time.run(10);
    }
    assert.ok(s.allAlive());
  } finally {
    s.end();
  }
});

test('no more members are kept than agreed, and the others counted', () => {
  const s = new Swarm((options) => createSwimMembership({ ...options, maxMembers: 100 }), 1);
  try {
    s.launch(0);
    for (let n = 1; n <= 120; n++) {
      const claim = { peer: peerNumber(n), status: 'alive', incarnation: 1 } as const;
      s.at(0).sync([claim.peer]);
      s.at(0).receive(claim.peer, encodeSwim([{ kind: 'update', claim }]));
    }
    assert.equal(s.at(0).members().length, 100);
    assert.deepEqual(s.drops, new Array(20).fill('too-many-members'));
  } finally {
    s.end();
  }
});

/** Every message that host 0 sends, from now on, with its destination. */
function listen(s: Swarm): { readonly to: number; readonly message: SwimMessage }[] {
  const heard: { to: number; message: SwimMessage }[] = [];
  const send = s.network.send.bind(s.network);
  s.network.send = (from, to, payload) => {
    if (from === 0) for (const message of decodeSwim(payload) as readonly SwimMessage[]) heard.push({ to, message });
    send(from, to, payload);
  };
  return heard;
}

test('whoever suspects us hears our answer at once', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    s.grow(3);
    s.time.run(3000);
    const heard = listen(s);
    const [self, accuser] = [peerNumber(0), peerNumber(2)];
    const claim = { peer: self, status: 'suspect', incarnation: 1, accuser } as const;
    s.at(0).receive(accuser, encodeSwim([{ kind: 'update', claim }]));
    const answer = { kind: 'update', claim: { peer: self, status: 'alive', incarnation: 2 } };
    assert.deepEqual(heard, [{ to: 2, message: answer }]);
  } finally {
    s.end();
  }
});

test('a sync that was answered is not repeated', () => {
  const s = new Swarm(createSwimMembership, 1);
  try {
    const heard = listen(s);
    s.launch(0);
    s.launch(1);
    s.at(0).sync([peerNumber(1)]);
    s.time.run(8000);
    assert.equal(heard.filter(({ message }) => message.kind === 'sync').length, 1);
  } finally {
    s.end();
  }
});

test('news travels without probes, though a third is lost', () => {
  const timing = { probeIntervalMs: 3_600_000 };
  const s = new Swarm((options) => createSwimMembership({ ...options, timing }), 1, { loss: 0.3 });
  try {
    s.grow(10);
    s.time.run(5000);
    s.launch(10).sync([peerNumber(0)]);
    assert.ok(s.until(() => s.allAlive(), 3000) <= 3000);
  } finally {
    s.end();
  }
});

test('a small payload limit is kept, and thirty still meet', () => {
  const s = new Swarm((options) => createSwimMembership({ ...options, maxPayloadBytes: 200 }), 1);
  try {
    const send = s.network.send.bind(s.network);
    s.network.send = (from, to, payload) => {
      assert.ok(payload.length <= 200, `${payload.length} bytes`);
      send(from, to, payload);
    };
    s.grow(30);
    assert.ok(s.until(() => s.allAlive(), 5000) <= 5000);
  } finally {
    s.end();
  }
});
