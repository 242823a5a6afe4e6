// The sleeve between hosts that are namespaces, with keys that are given.
//
//   container ── mb-x ── ms-x (TAP) ── sleeve │ a │ eth0 ──── wire ──── eth0 │ b │ sleeve ── ms-x ── mb-x ── container
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMemory } from '../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../datapath/sleeve/native/sealing.js';
import { OUTER, OUTER_BYTES, writeOuter } from '../../datapath/sleeve/wire/datagram.js';
import type { SleeveTraffic } from '../../datapath/sleeve/sleeve.js';
import { createLab, eventually, ping, type Host } from '../support/netns.js';
import {
  acquaint,
  endAfter,
  iperf,
  reaches,
  sessionText,
  SLEEVE_PORT,
  SLEEVE_VNI,
  type SleeveHost,
  sleevePair,
  type PairOptions,
} from '../support/sleeve-lab.js';

const lab = createLab();
let pairs = 0;

/** Two hosts of their own for each test. */
async function pair(options: PairOptions = {}): Promise<[SleeveHost, SleeveHost]> {
  pairs++;
  const hosts = await sleevePair(lab, { ...options, names: [`a${pairs}`, `b${pairs}`] });
  endAfter(hosts);
  await reaches(hosts[0], hosts[1].v4);
  return hosts;
}

async function allArrive(from: SleeveHost, address: string, count = 20, ...more: string[]): Promise<void> {
  const { code, stdout } = await from.container.run(
    'ping',
    '-n',
    '-q',
    '-c',
    `${count}`,
    '-i',
    '0.01',
    '-W',
    '2',
    ...more,
    address,
  );
  assert.equal(code, 0, stdout);
  assert.match(stdout, / 0% packet loss/);
}

/** Segments that leave this host are datagrams of their own on the wire, as they are on a network card. */
const segmentInSoftware = (host: Host): void => host.netns.ip('link set eth0 gso_max_segs 1');

const RECEIVER = `const h=require('node:crypto').createHash('sha256');let n=0;
require('node:net').createServer((s)=>s.on('data',(d)=>{h.update(d);n+=d.length}).on('end',()=>{console.log(n+' '+h.digest('hex'));process.exit(0)})).listen(Number(process.argv[1]),'::')`;
const SENDER = `const c=require('node:crypto'),h=c.createHash('sha256');const s=require('node:net').connect(Number(process.argv[3]),process.argv[1]);
const all=Number(process.argv[2]);let n=0;(function go(){while(n<all){const b=c.randomBytes(65536);h.update(b);n+=b.length;if(!s.write(b))return s.once('drain',go)}
s.end();console.log(n+' '+h.digest('hex'))})()`;

/** Sends random bytes by TCP. @returns what each side counted and hashed */
async function transfer(
  from: SleeveHost,
  to: SleeveHost,
  address: string,
  bytes: number,
  port = 5001,
): Promise<[string, string]> {
  const received = to.container.run(process.execPath, '-e', RECEIVER, `${port}`);
  const sent = await eventually('the receiver listens', 10_000, async () => {
    const { code, stdout } = await from.container.run(process.execPath, '-e', SENDER, address, `${bytes}`, `${port}`);
    return code === 0 ? stdout : undefined;
  });
  return [sent.trim(), (await received).stdout.trim()];
}

for (const underlay of ['v4', 'v6'] as const)
  test(`containers reach each other over an IP${underlay} underlay, with every cipher`, async () => {
    for (const cipher of ['aes-256-gcm', 'chacha20-poly1305', 'plain'] as const) {
      const [a, b] = await pair({ cipher, underlay });
      for (const address of [b.v4, b.v6]) await allArrive(a, address);
      await allArrive(b, a.v6, 5, '-s', '8000');
      const { rate } = await iperf(a, b, b.v4, '--time', '1');
      assert.ok(rate > 1e6);
      a.kill();
      b.kill();
    }
  });

test('a side without the fast OpenSSL speaks to one that has it', async () => {
  const [a, b] = await pair({ create: { without: ['evp'] } });
  assert.ok(a.events.some((e) => e.kind === 'fallback' && e.what === 'evp'));
  b.kill();
  b.launch();
  await b.start();
  await acquaint([a, b], 2);
  await reaches(a, b.v4);
  await allArrive(a, b.v6);
});

test('bytes arrive as they were sent through 1 % loss, over IPv4 and IPv6', async () => {
  const [a, b] = await pair();
  for (const h of [a, b]) {
    segmentInSoftware(h.host);
    lab.lose(h.host.name, 1);
  }
  for (const address of [b.v4, b.v6]) {
    const [sent, received] = await transfer(a, b, address, 30e6);
    assert.equal(received, sent);
  }
  const { rx } = await b.counters();
  assert.ok(rx.mended > 0, 'nothing was lost');
  assert.equal(rx['tap-refused'], 0);
});

test('flows whose headers differ in size share the way, and each is read as it was sent', async () => {
  const [a, b] = await pair();
  // Of two flows that are sent at once, one may be done before the other begins.
  for (let round = 0; round < 10 && (await b.counters()).tx.gathered === 0; round++) {
    const flows = [a.v4, a.v6].map((address, i) => transfer(b, a, address, 40e6, 5001 + 2 * round + i));
    for (const [sent, received] of await Promise.all(flows)) assert.equal(received, sent);
  }
  const { tx } = await b.counters();
  assert.ok(tx.scattered > 0 && tx.gathered > 0, JSON.stringify(tx));
});

test('what does not fit the path is split and joined, and TCP is cut smaller', async () => {
  const [a, b] = await pair({ pathMtu: 700 });
  await allArrive(a, b.v4, 10, '-s', '10000');
  await allArrive(b, a.v6, 10, '-s', '1300');
  for (const address of [b.v4, b.v6]) {
    const [sent, received] = await transfer(a, b, address, 5e6);
    assert.equal(received, sent);
  }
  assert.ok((await a.counters()).tx.split > 0);
});

test('new keys during traffic lose nothing', async () => {
  const [a, b] = await pair();
  const pings = ping(a.container, b.v4, 200, 5);
  for (let n = 2; n < 10; n++) {
    await acquaint([a, b], n);
    await allArrive(b, a.v4, 2);
  }
  const { sent, received } = await pings;
  assert.equal(received, sent);
  assert.equal((await b.counters()).rx.tag, 0);
});

test('an old session opens no more when its grace is over', async () => {
  const [a, b] = await pair({ create: { graceMs: 50 } });
  await b.do('setSession', a.id, sessionText(2, 1, a.host));
  await eventually('the old key is refused', 5_000, async () => {
    await a.container.run('ping', '-n', '-c', '1', '-W', '1', b.v4);
    return (await b.counters()).rx['no-session'] > 0 ? true : undefined;
  });
});

test('a peer that speaks from another address is followed, and new keys do not lose it', async () => {
  const [a, b] = await pair();
  const moved = '10.99.0.200';
  b.host.netns.ip(`addr del ${b.host.v4}/24 dev eth0`, `addr add ${moved}/24 dev eth0`);
  await eventually('b is reached where it is now', 10_000, async () => {
    await b.container.run('ping', '-n', '-c', '1', '-W', '1', a.v4);
    return (await a.container.run('ping', '-n', '-c', '1', '-W', '1', b.v4)).code === 0 ? true : undefined;
  });
  const event = a.events.find((e) => e.kind === 'moved');
  assert.deepEqual(event, { kind: 'moved', peer: b.id, remote: { ip: moved, port: SLEEVE_PORT } });
  await acquaint([b, a], 2); // who gives the new keys knows of no other address than the first
  await allArrive(a, b.v4);
});

test('a probe is answered when it fits the wire, and says how long it took', async () => {
  const [a, b] = await pair();
  await a.do('probe', b.id, 'direct', 1_500, 7);
  const reply = await eventually('the probe is answered', 5_000, () =>
    Promise.resolve(a.events.find((e) => e.kind === 'probeReply')),
  );
  assert.ok(reply.token === 7 && reply.bytes === 1_500 && reply.rttMs < 1_000 && reply.peer === b.id);
  const before = (await b.counters()).rx.probes;
  await a.do('probe', b.id, 'direct', 1_501, 8);
  await eventually('the kernel refuses what is too large', 5_000, async () =>
    (await a.counters()).tx['socket-error'] > 0 ? true : undefined,
  );
  assert.equal((await b.counters()).rx.probes, before);
});

const traffic = async (of: SleeveHost, to: SleeveHost): Promise<SleeveTraffic> =>
  (await of.do('peerTraffic', to.id)) as SleeveTraffic;

test('a worker that breaks is made again: the session and what was counted go on where they were', async () => {
  const [a, b] = await pair();
  await iperf(a, b, b.v4);
  const before = { a: await traffic(a, b), b: await traffic(b, a) };
  const sums = (sizes: readonly number[]): number => sizes.reduce((sum, n) => sum + n, 0);
  for (const { direct, relay, rekeys } of [before.a, before.b]) {
    assert.deepEqual([sums(direct.txSizes), sums(direct.rxSizes)], [direct.txFrames, direct.rxFrames]);
    assert.deepEqual([relay.txDatagrams, relay.rxDatagrams, rekeys], [0, 0, 0]);
    assert.equal(direct.drops.tag ?? 0, 0);
  }
  assert.ok(sums(before.a.direct.txSizes.slice(4)) > 1_000, before.a.direct.txSizes.join()); // over 8 segments: bulk TCP
  assert.ok(before.a.direct.txBytes > 1e7 && before.b.direct.rxBytes > 1e7);
  for (const worker of ['tx', 'rx'] as const) {
    await a.do('breakWorker', worker);
    await eventually(`${worker} is there again`, 5_000, () =>
      Promise.resolve(a.events.find((e) => e.kind === 'workerRestarted' && e.worker === worker)),
    );
    assert.ok(a.events.some((e) => e.kind === 'workerDied' && e.worker === worker && /epoll/.test(e.why)));
    await allArrive(a, b.v4);
  }
  const after = await traffic(a, b);
  for (const counter of ['txFrames', 'txBytes', 'txDatagrams', 'rxFrames', 'rxBytes', 'rxDatagrams'] as const)
    assert.ok(after.direct[counter] > before.a.direct[counter], counter);
  assert.equal((await b.counters()).rx.replay, 0);
  await acquaint([a, b], 2);
  await allArrive(a, b.v4);
  assert.deepEqual([(await traffic(a, b)).rekeys, (await traffic(b, a)).rekeys], [1, 1]);
});

test('a killed process leaves its TAP in the bridge, and the next one takes it over', async () => {
  const [a, b] = await pair();
  a.kill();
  await eventually('the TAP is free', 5_000, () =>
    a.host.netns.must('ip', '-d', 'link', 'show', 'ms-x').then((t) => (t.includes('NO-CARRIER') ? true : undefined)),
  );
  assert.match(await a.host.netns.must('ip', 'link', 'show', 'ms-x'), /master mb-x/);
  a.launch();
  await a.start();
  await acquaint([a, b], 2);
  await allArrive(a, b.v4);
});

test('a TAP that is deleted is told, and made again by the same call', async () => {
  const [a, b] = await pair();
  a.host.netns.ip('link del ms-x');
  await eventually('it is told', 5_000, () => Promise.resolve(a.events.find((e) => e.kind === 'tapLost')));
  await a.addNetwork();
  await allArrive(a, b.v4);
});

test('a container that floods broadcasts is held to its rate; the others are not', async () => {
  const [a, b] = await pair({ create: { stormFramesPerS: 200 } });
  const flood = `const s=require('node:dgram').createSocket('udp4');s.bind(0,()=>{s.setBroadcast(true);let n=0;
const go=()=>n++<3000?s.send('x',9,'10.40.0.255',go):process.exit(0);go()})`;
  assert.equal((await a.container.run(process.execPath, '-e', flood)).code, 0);
  const { tx, peers } = await a.counters();
  assert.ok(tx.storm > 1_000, `${tx.storm}`);
  assert.ok(peers[b.id]!.txFrames < 2_000);
  await allArrive(a, b.v4);
});

const HOSTILE = `const c=require('node:crypto'),s=require('node:dgram').createSocket('udp4');let n=0,back=0;s.on('message',()=>back++);
const one=()=>{const b=c.randomBytes(n%97+n%1300);if(n%3&&b.length>32){b.set([1,n%2,0,0,0,0,0,0,0,0,0,Number(process.argv[2]),0,0,0,0,0])}return b};
const go=()=>n++<5000?s.send(one(),6784,process.argv[1],go):setTimeout(()=>{console.log(back);process.exit(0)},300);go()`;

test('datagrams of any content change nothing and are not answered', async () => {
  const [a, b] = await pair();
  const other = lab.host('hostile');
  const { receiveIndex } = sessionText(1, 1, a.host);
  const { stdout } = await other.netns.run(process.execPath, '-e', HOSTILE, b.host.v4, `${receiveIndex}`);
  assert.equal(stdout.trim(), '0', 'it answered');
  const { rx } = await b.counters();
  assert.ok(rx.version > 0 && rx.tag > 0 && rx.short > 0, JSON.stringify(rx));
  await eventually('what b took is what a sent', 5_000, async () => {
    const [sent, taken] = [(await a.counters()).peers[b.id]!, (await b.counters()).peers[a.id]!];
    return sent.txDatagrams === taken.rxDatagrams ? true : undefined;
  });
  assert.deepEqual(
    b.events.filter((e) => e.kind !== 'probeReply'),
    [],
  );
  await allArrive(a, b.v4);
});

const SEND_FILE = `const all=JSON.parse(require('node:fs').readFileSync(process.argv[2])),s=require('node:dgram').createSocket('udp4');let n=0;
const go=()=>n<all.length?s.send(Buffer.from(all[n++],'hex'),6784,process.argv[1],go):process.exit(0);go()`;

test('a peer that has the keys and seals nonsense breaks nothing', async () => {
  const [a, b] = await pair();
  const other = lab.host('nonsense');
  const { receiveKey, receiveIndex } = sessionText(1, 1, a.host);
  const seed = Date.now() & 0x7fffffff;
  const messages = fc.sample(anyNonsense, { numRuns: 4_000, seed });
  const file = join(lab.dir, 'nonsense.json');
  writeFileSync(file, JSON.stringify(seal(messages, receiveKey, receiveIndex)));
  const { code, stderr } = await other.netns.run(process.execPath, '-e', SEND_FILE, b.host.v4, file);
  assert.equal(code, 0, stderr);
  const { rx } = await eventually('all is read', 5_000, async () => {
    const counters = await b.counters();
    return counters.rx.receives >= 1_000 ? counters : undefined;
  });
  const words = `seed ${seed}: ${JSON.stringify(rx)}`;
  assert.ok(rx['message-kind'] > 0 && rx['gso-headers'] + rx.virtio > 0 && rx['message-short'] > 0, words);
  assert.deepEqual(
    b.events.filter((e) => e.kind === 'workerDied' || e.kind === 'tapLost'),
    [],
    words,
  );
  await a.do('setRemote', b.id, { ip: b.host.v4, port: SLEEVE_PORT });
  await b.do('setRemote', a.id, { ip: a.host.v4, port: SLEEVE_PORT });
  await acquaint([a, b], 2); // the counters of the first session are used up
  await reaches(b, a.v4);
  await allArrive(a, b.v4);
});

/** Messages that are almost in order: kinds, virtio headers and Ethernet types that lead into every branch, and any bytes behind. */
const anyNonsense = fc
  .record({
    kind: fc.constantFrom(1, 1, 1, 1, 2, 2, 3, 4, 9),
    index: fc.constantFrom(0, 1, 0x8000, 0x8001, 0x7fff),
    virtio: fc.tuple(
      fc.constantFrom(0, 1, 1),
      fc.constantFrom(0, 1, 4, 5, 0x81, 3, 77),
      fc.nat(200),
      fc.nat(255),
      fc.nat(60),
      fc.constantFrom(6, 16, 255),
    ),
    ethernet: fc.constantFrom([8, 0, 0x45], [0x86, 0xdd, 0x60], [0x81, 0, 0]),
    rest: fc.uint8Array({ maxLength: 400 }),
  })
  .map(({ kind, index, virtio: [flags, type, header, gso, start, offset], ethernet, rest }) =>
    Uint8Array.from([
      ...[kind, 0, 0, SLEEVE_VNI, 0, 0, 0, 1, index >> 8, index & 255],
      ...[flags, type, header, 0, gso, 0, start, 0, offset, 0],
      ...[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...ethernet],
      ...rest,
    ]),
  );

function seal(messages: readonly Uint8Array[], key: string, receiver: number): string[] {
  const memory = createMemory(8_192);
  const at = memory.take(4_096);
  const use = { cipher: 'aes-256-gcm', key: new Uint8Array(Buffer.from(key, 'hex')), lane: 0, receiver } as const;
  const sealer = new Sealing(memory).sealer(use, 1_000);
  return messages.map((whole, i) => {
    const message = i % 9 === 0 ? whole.subarray(0, 1 + (i % 33)) : whole;
    memory.bytes.set(message, at + OUTER_BYTES);
    writeOuter(memory.view, at, 0, 0, receiver);
    sealer.seal(at + OUTER.counter, message.length);
    return Buffer.from(memory.bytes.subarray(at, at + OUTER_BYTES + message.length + sealer.tagBytes)).toString('hex');
  });
}

test('frames for nobody are counted, and go nowhere', async () => {
  const [a, b] = await pair();
  await a.do('setMac', SLEEVE_VNI, b.mac, undefined);
  await a.do('setFlood', SLEEVE_VNI, []);
  await a.do('dropSession', 'ff'.repeat(16));
  const { peers } = await a.counters();
  await a.container.run('ping', '-n', '-c', '2', '-W', '1', b.v4);
  const after = await a.counters();
  assert.ok(after.tx['unknown-mac'] > 0);
  assert.equal(after.peers[b.id]!.txBytes, peers[b.id]!.txBytes);
});
