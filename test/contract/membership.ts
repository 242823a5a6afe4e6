// What every Membership must do. All in virtual time, from printed seeds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { peerNumber, type NetworkOptions } from '../support/datagram-network.js';
import { Swarm, type NewMembership } from '../support/swarm.js';

const MINUTE = 60_000;
const HUB: NetworkOptions = { adjacent: (a, b) => a === 0 || b === 0 };
const LINE: NetworkOptions = { adjacent: (a, b) => Math.abs(a - b) === 1 };

export function membershipContract(name: string, newMembership: NewMembership): void {
  const swarm = (what: string, options: NetworkOptions, body: (s: Swarm) => void, seed = 1): void =>
    void test(`${name}: ${what} (seed ${seed})`, () => {
      const s = new Swarm(newMembership, seed, options);
      try {
        body(s);
        assert.deepEqual(s.drops, []);
      } finally {
        s.end();
      }
    });
  const within = (s: Swarm, limitMs: number, what: string, done: () => boolean): void =>
    assert.ok(s.until(done, limitMs) <= limitMs, `${what}: not within ${limitMs} ms`);

  joining(swarm, within);
  dying(swarm, within);
  parting(swarm, within);
  lossy(swarm, within);
  guarding(name, newMembership);
}

type Within = (s: Swarm, limitMs: number, what: string, done: () => boolean) => void;
type Case = (what: string, options: NetworkOptions, body: (s: Swarm) => void, seed?: number) => void;

function joining(swarm: Case, within: Within): void {
  swarm('one alone knows nobody', {}, (s) => {
    s.grow(1);
    s.time.run(MINUTE);
    assert.deepEqual(s.at(0).members(), []);
    assert.equal(s.at(0).member(peerNumber(0)), undefined);
  });

  swarm('two meet by a sync of one of them', {}, (s) => {
    s.grow(2);
    within(s, 1000, 'both alive', () => s.allAlive());
    assert.deepEqual(s.at(0).members(), [{ peer: peerNumber(1), status: 'alive', incarnation: 1 }]);
  });

  swarm('three know one another though only one knew two', {}, (s) => {
    s.grow(3, (host) => host - 1);
    within(s, 2000, 'all alive', () => s.allAlive());
  });

  swarm('a sync is repeated until its peer runs', {}, (s) => {
    s.launch(0).sync([peerNumber(1)]);
    s.time.run(700);
    s.launch(1);
    within(s, 1500, 'both alive', () => s.allAlive());
  });

  swarm('ten know one another from one seed within two seconds', { loss: 0.05 }, (s) => {
    s.grow(10);
    within(s, 2000, 'all alive', () => s.allAlive());
  });

  swarm('a change is reported once', {}, (s) => {
    s.grow(5);
    s.time.run(MINUTE);
    const seen = s.changes.map((c) => `${c.by} ${c.member.peer} ${c.member.status} ${c.member.incarnation}`);
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen.length, 5 * 4);
  });
}

function dying(swarm: Case, within: Within): void {
  for (const n of [2, 3, 10])
    swarm(`of ${n} a killed one is suspect, then faulty to all within five seconds, and stays`, {}, (s) => {
      s.grow(n);
      s.time.run(20_000);
      s.kill(n - 1);
      const from = s.changes.length;
      within(s, 5000, 'faulty', () => s.agree([n - 1], 'faulty'));
      s.time.run(2 * MINUTE);
      assert.ok(s.agree([n - 1], 'faulty'));
      for (let by = 0; by < n - 1; by++) {
        const story = s.changes.slice(from).filter((c) => c.by === by);
        assert.deepEqual(
          story.map((c) => c.member.status),
          ['suspect', 'faulty'],
        );
      }
    });

  swarm('one that restarts after its death is alive again', {}, (s) => {
    s.grow(5);
    s.time.run(10_000);
    s.kill(4);
    within(s, 6000, 'faulty', () => s.agree([4], 'faulty'));
    s.launch(4).sync([peerNumber(1)]);
    within(s, 2000, 'alive', () => s.allAlive());
    assert.equal(s.at(0).member(peerNumber(4))?.incarnation, 2);
  });

  swarm('one that restarts at once is never faulty', {}, (s) => {
    s.grow(5);
    s.time.run(10_000);
    s.kill(4);
    s.launch(4).sync([peerNumber(0)]);
    s.time.run(MINUTE);
    assert.ok(s.allAlive());
    assert.equal(s.faultyReports(), 0);
  });

  swarm('one that leaves is left to all and never faulty, and may return', { loss: 0.05 }, (s) => {
    s.grow(10);
    s.time.run(10_000);
    s.at(9).leave();
    s.time.run(300);
    s.kill(9);
    within(s, 3000, 'left', () => s.agree([9], 'left'));
    s.time.run(MINUTE);
    assert.ok(s.agree([9], 'left'));
    assert.equal(s.faultyReports(), 0);
    s.launch(9).sync([peerNumber(3)]);
    within(s, 2000, 'alive', () => s.allAlive());
  });

  swarm('a goodbye is said more than once', {}, (s) => {
    s.grow(4);
    s.time.run(10_000);
    s.network.loss = 1;
    s.at(3).leave();
    s.time.run(50);
    s.network.loss = 0;
    s.time.run(300);
    s.kill(3);
    within(s, 1000, 'left', () => s.agree([3], 'left'));
  });

  swarm('one that is forgotten before it was talked of stays unknown to others', {}, (s) => {
    s.grow(3);
    s.time.run(10_000);
    s.launch(3).sync([peerNumber(0)]);
    while (s.status(0, 3) !== 'alive') s.time.run(1);
    s.kill(3);
    s.at(0).forget(peerNumber(3));
    s.time.run(MINUTE);
    for (const host of s.hosts) assert.equal(s.status(host, 3), undefined);
  });

  swarm('one that is forgotten is gone, and may return', {}, (s) => {
    s.grow(4);
    s.time.run(10_000);
    s.kill(3);
    within(s, 6000, 'faulty', () => s.agree([3], 'faulty'));
    for (const host of s.hosts) s.at(host).forget(peerNumber(3));
    s.time.run(2 * MINUTE);
    for (const host of s.hosts) assert.equal(s.status(host, 3), undefined);
    s.launch(3).sync([peerNumber(0)]);
    within(s, 2000, 'alive', () => s.allAlive());
  });

  swarm('the faulty are remembered for hours and dropped after a day', {}, (s) => {
    s.grow(2);
    s.time.run(5000);
    s.kill(1);
    s.time.run(23 * 60 * MINUTE);
    assert.equal(s.status(0, 1), 'faulty');
    s.time.run(2 * 60 * MINUTE);
    assert.deepEqual(s.at(0).members(), []);
  });
}

function parting(swarm: Case, within: Within): void {
  const halves = (a: number, b: number): boolean => a < 5 !== b < 5;
  const cut = (s: Swarm): void => {
    s.grow(10);
    s.time.run(20_000);
    s.network.sever(halves);
    s.time.run(MINUTE);
    for (const by of s.hosts)
      for (const of of s.hosts)
        if (by !== of) assert.equal(s.status(by, of), halves(by, of) ? 'faulty' : 'alive', `${of} to ${by}`);
    s.network.heal();
  };
  const healed = (s: Swarm, limitMs: number): void => {
    const before = s.faultyReports();
    within(s, limitMs, 'healed', () => s.allAlive());
    assert.equal(s.faultyReports(), before, 'a side was told of its own death');
  };

  for (const seed of [1, 2, 3]) {
    swarm(
      'two halves that were apart for a minute are one within five seconds of one sync each way',
      { loss: 0.05 },
      (s) => {
        cut(s);
        s.at(2).sync([peerNumber(7)]);
        s.at(7).sync([peerNumber(2)]);
        healed(s, 5000);
      },
      seed,
    );
    swarm('two halves find each other without being told', { loss: 0.05 }, (s) => (cut(s), healed(s, 25_000)), seed);
  }

  swarm('two that were apart find each other, from either side', {}, (s) => {
    s.grow(2);
    s.time.run(5000);
    s.network.sever(() => true);
    s.time.run(MINUTE);
    assert.ok(s.agree([0, 1], 'faulty'));
    s.network.heal();
    within(s, 25_000, 'healed', () => s.allAlive());
    assert.ok(s.refutations.length >= 2);
  });
}

function lossy(swarm: Case, within: Within): void {
  const ten = (options: NetworkOptions, n: number, seedOf?: (host: number) => number) => (s: Swarm) => {
    s.grow(n, seedOf);
    within(s, 5000, 'join', () => s.allAlive());
    s.time.run(10 * MINUTE);
    assert.equal(s.faultyReports(), 0);
  };
  swarm('no false death in ten minutes at 5 % loss, all directly', { loss: 0.05 }, ten({}, 10));
  swarm('no false death in ten minutes at 5 % loss, ten spokes over a hub', { ...HUB, loss: 0.05 }, ten(HUB, 11));
  swarm(
    'no false death in ten minutes at 5 % loss, five in a line',
    { ...LINE, loss: 0.05 },
    ten(LINE, 5, (host) => host - 1),
  );
  swarm('no false death in three minutes at 30 % loss', { loss: 0.3 }, (s) => {
    s.grow(10);
    s.time.run(3 * MINUTE);
    assert.equal(s.faultyReports(), 0);
    s.network.loss = 0;
    within(s, 10_000, 'all alive once the loss ends', () => s.allAlive());
  });
  swarm('no false death with delays of a quarter of a second', { delayMs: [100, 125] }, (s) => {
    s.grow(10);
    s.time.run(5 * MINUTE);
    assert.equal(s.faultyReports(), 0);
  });
  swarm('a process that stood still for ten seconds blames nobody', {}, (s) => {
    s.grow(10);
    s.time.run(10_000);
    s.time.stall(10_000);
    s.time.run(MINUTE);
    assert.equal(s.faultyReports(), 0);
  });
}

function guarding(name: string, newMembership: NewMembership): void {
  const meet = (n: number): Swarm => {
    const s = new Swarm(newMembership, 1);
    s.grow(n);
    s.time.run(3000);
    return s;
  };

  test(`${name}: any bytes are taken without a throw, and the mesh lives on`, () => {
    const s = meet(3);
    try {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5), (bytes, from) => {
          s.at(0).receive(peerNumber(from), bytes);
          s.time.run(1);
        }),
        { numRuns: 2000 },
      );
      assert.ok(s.drops.length > 1000, `only ${s.drops.length} drops were counted`);
      s.time.run(10_000);
      assert.equal(s.status(1, 2), 'alive');
    } finally {
      s.end();
    }
  });

  test(`${name}: real payloads, cut or with a byte changed, are taken without a throw`, () => {
    const s = meet(4);
    const seen: Uint8Array[] = [];
    s.network.attach(0, (from, payload) => (seen.push(payload.slice()), s.at(0).receive(from, payload)));
    s.kill(3);
    s.time.run(10_000);
    try {
      fc.assert(
        fc.property(fc.nat(seen.length - 1), fc.nat(), fc.nat(255), fc.boolean(), (i, at, byte, isCut) => {
          const payload = seen[i]!.slice(0, isCut ? at % seen[i]!.length : undefined);
          if (payload.length > 0) payload[at % payload.length] = byte;
          s.at(0).receive(peerNumber(1), payload);
          s.time.run(1);
        }),
        { numRuns: 2000 },
      );
    } finally {
      s.end();
    }
  });

  test(`${name}: a closed one has no timers, says nothing and hears nothing`, () => {
    for (const isLeaving of [false, true]) {
      const s = new Swarm(newMembership, 1);
      try {
        s.grow(3);
        s.time.run(100); // there is news to spread
        s.network.loss = 1; // what is under way would be a timer of the network
        s.time.run(50);
        const member = s.at(0);
        if (isLeaving) member.leave();
        for (const host of [2, 1, 0]) s.kill(host);
        assert.equal(s.time.pending, 0);
        const sent = s.network.sentDatagrams[0];
        member.close();
        member.receive(peerNumber(1), Uint8Array.of(1, 10, 0, 0, 0, 1));
        member.sync([peerNumber(1)]);
        member.leave();
        member.start();
        s.time.run(MINUTE);
        assert.equal(s.time.pending, 0);
        assert.equal(s.network.sentDatagrams[0], sent);
      } finally {
        s.end();
      }
    }
  });

  test(`${name}: what is sent is never longer than agreed, with thirty members`, () => {
    const s = new Swarm(newMembership, 1);
    try {
      s.grow(30);
      const send = s.network.send.bind(s.network);
      s.network.send = (from, to, payload) => {
        assert.ok(payload.length <= 1364, `${payload.length} bytes`);
        send(from, to, payload);
      };
      assert.ok(s.until(() => s.allAlive(), 3000) <= 3000);
    } finally {
      s.end();
    }
  });
}
