// The fake underlay where it goes beyond what sockets on loopback can show: cuts, calls that are repeated, NATs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkEvent } from '../../router/runtime/network.js';
import type { Ip } from '../../router/types.js';
import { Links } from '../sim/network/links.js';
import type { FakeNetwork } from './fake-network.js';
import { FakeUnderlay } from './fake-underlay.js';
import { seededRandom, VirtualTime } from './virtual-time.js';

const [A, B] = ['10.0.0.1', '10.0.0.2'] as unknown as readonly [Ip, Ip];
const PORT = 6783;

interface Lab {
  readonly time: VirtualTime;
  readonly links: Links;
  readonly underlay: FakeUnderlay;
  readonly a: FakeNetwork;
  readonly b: FakeNetwork;
  /** What each was told, in words. */
  readonly atA: string[];
  readonly atB: string[];
}

function inLab(run: (lab: Lab) => void): void {
  const time = VirtualTime.install(1);
  try {
    const now = (): number => time.now();
    const links = new Links(seededRandom(1), now);
    const underlay = new FakeUnderlay({ wire: links, clock: { now, after: (ms, work) => time.after(ms, work) } });
    const [atA, atB]: [string[], string[]] = [[], []];
    const host = (ip: Ip, told: string[]): FakeNetwork => underlay.host([ip], PORT, (ev) => void told.push(words(ev)));
    const [a, b] = [host(A, atA), host(B, atB)];
    void a.listen();
    void b.listen();
    run({ time, links, underlay, a, b, atA, atB });
  } finally {
    time.restore();
  }
}

function words(ev: NetworkEvent): string {
  switch (ev.kind) {
    case 'received':
      return Buffer.from(ev.bytes).toString();
    case 'datagram':
      return `${Buffer.from(ev.bytes).toString()} from ${ev.from.ip}:${ev.from.port}`;
    case 'opened':
      return `opened to ${ev.remote.ip}`;
    case 'closed':
    case 'dialFailed':
      return ev.reason;
  }
}

test('a stream that is cut is tried ever more seldom, and given up after a quarter of an hour', () => {
  inLab(({ time, links, a, atA, atB }) => {
    a.dial(1, B, PORT, 5_000);
    time.run(10);
    links.set(B, A, { cut: true });
    a.send(1, Buffer.from('one'));
    time.run(10_000); // tried after 0.2, 0.6, 1.4, 3 and 6.2 s
    links.set(B, A, { cut: false });
    time.run(2_500);
    assert.deepEqual(atB, [`opened to ${A}`]);
    time.run(500);
    assert.deepEqual(atB, [`opened to ${A}`, 'one']);
    links.set(A, B, { cut: true });
    a.send(1, Buffer.from('two'));
    time.run(924_000);
    assert.deepEqual(atA, [`opened to ${B}`]);
    time.run(120_000);
    assert.deepEqual(atA, [`opened to ${B}`, 'failed']);
    assert.deepEqual(atB, [`opened to ${A}`, 'one'], 'who has nothing to say does not notice');
  });
});

test('a call that nobody answers is repeated after 1, 3 and 7 s, until its time is over', () => {
  inLab(({ time, links, a, atA }) => {
    links.setReach(() => false);
    a.dial(1, B, PORT, 5_000);
    a.dial(2, B, PORT, 1_500);
    time.run(2_000);
    assert.deepEqual(atA, ['timeout']);
    links.setReach(() => true);
    time.run(900);
    assert.deepEqual(atA, ['timeout']);
    time.run(200);
    assert.deepEqual(atA, ['timeout', `opened to ${B}`]);
  });
});

test('a process that is gone answers with a reset, a host without power not at all', () => {
  inLab(({ time, links, a, b, atA }) => {
    a.dial(1, B, PORT, 5_000);
    a.dial(2, B, PORT, 5_000);
    time.run(10);
    links.setPower(B, false);
    b.vanish();
    a.send(1, Buffer.from('hello?'));
    time.run(60_000);
    assert.equal(atA.length, 2);
    links.setPower(B, true);
    time.run(60_000);
    a.dial(3, B, PORT, 5_000);
    time.run(10);
    assert.deepEqual(atA.slice(2), ['reset', 'refused']);
  });
});

test('behind a NAT a host can call and be answered, not called; with another mapping its streams are lost', () => {
  inLab(({ time, underlay, a, b, atA, atB }) => {
    const outside = '203.0.0.1' as Ip;
    underlay.nat.put(A, outside);
    const from = { ip: outside, port: PORT };
    b.sendDatagram({ ip: A, port: PORT }, Buffer.from('inside'));
    b.sendDatagram(from, Buffer.from('unasked'));
    b.dial(1, outside, PORT, 3_000);
    b.dial(2, A, PORT, 3_000);
    a.sendDatagram({ ip: B, port: PORT }, Buffer.from('ping'));
    time.run(5_000);
    b.sendDatagram(from, Buffer.from('pong'));
    a.dial(1, B, PORT, 3_000);
    time.run(10);
    assert.deepEqual(atB, [`ping from ${outside}:${PORT}`, 'timeout', 'timeout', `opened to ${outside}`]);
    assert.deepEqual(atA, [`pong from ${B}:${PORT}`, `opened to ${B}`]);
    time.run(120_001);
    b.sendDatagram(from, Buffer.from('too late'));
    underlay.nat.put(A, '203.0.0.2' as Ip);
    b.send(-1, Buffer.from('lost'));
    time.run(1_000);
    assert.deepEqual([atA.length, atB.length], [2, 4], 'who is outside waits in vain');
    a.send(1, Buffer.from('hello?'));
    time.run(10);
    assert.deepEqual(atA.slice(2), ['reset']);
  });
});

test('what a deaf process does not read waits with the sender, whom it costs the connection in the end', () => {
  inLab(({ time, a, b, atA, atB }) => {
    a.dial(1, B, PORT, 5_000);
    time.run(10);
    b.setDeaf(true);
    a.send(1, Buffer.alloc(5_000_000));
    time.run(10_000);
    assert.equal(atB.length, 1);
    a.send(1, Buffer.alloc(5_000_000));
    time.run(10);
    assert.deepEqual(atA, [`opened to ${B}`, 'slow peer']);
  });
});
