// What a relay does with a batch, and which way a peer's datagrams take: on real memory, without sockets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import { sockaddr } from '../../../../datapath/sleeve/native/udp.js';
import { MAX_HOPS, OUTER, writeOuter } from '../../../../datapath/sleeve/wire/datagram.js';
import type { Remote } from '../../../../datapath/sleeve/worker/messages.js';
import { createPeerBuffer } from '../../../../datapath/sleeve/worker/peer-counters.js';
import { SendPeers, useWay, type SendPeer } from '../../../../datapath/sleeve/worker/peers.js';
import { Relay } from '../../../../datapath/sleeve/worker/relay.js';
import { Sender } from '../../../../datapath/sleeve/worker/sender.js';
import { createSessionBuffer, Totals } from '../../../../datapath/sleeve/worker/shared.js';
import type { PeerId } from '../../../../router/types.js';

const LABEL = 5;
const DATAGRAM_BYTES = 100;
const idOf = (n: number): PeerId => `${n}`.repeat(32) as PeerId;
const v4 = (n: number): Remote => ({ family: 'v4', sockaddr: sockaddr('v4', Uint8Array.of(192, 0, 2, n), 6784) });
const v6 = (n: number): Remote => ({
  family: 'v6',
  sockaddr: sockaddr(
    'v6',
    Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? n : 0xfd)),
    6784,
  ),
});

/** A receiving worker's tables; its sockets are no descriptors, so that what it sends is counted and goes nowhere. */
function world() {
  const memory = createMemory(1 << 16);
  const totals = new Totals(Totals.create());
  const sockets = { v4: { fd: -1, hasGso: true }, v6: { fd: -2, hasGso: true } };
  const peers = new SendPeers(memory, new Sealing(memory), 1, sockets);
  const sender = new Sender(memory, totals, 1, () => undefined);
  const relay = new Relay(memory, sender);
  const key = new Uint8Array(32);
  const session = (peer: SendPeer, remote: Remote | undefined): void =>
    peers.setSession(
      peer,
      { cipher: 'plain', sendKey: key, receiveKey: key, sendIndex: 1, receiveIndex: 2, state: createSessionBuffer() },
      remote,
    );
  const [from, to, far] = [1, 2, 3].map((n) => {
    peers.add(idOf(n), createPeerBuffer());
    const peer = peers.find(idOf(n))!;
    if (n < 3) session(peer, v4(n));
    return peer;
  }) as [SendPeer, SendPeer, SendPeer];
  relay.set(LABEL, { from, to, toLabel: 6 }, 0);
  const at = memory.take(DATAGRAM_BYTES * 4);
  const [here, elsewhere] = [memory.take(28), memory.take(28)];
  memory.bytes.set(v4(1).sockaddr, here);
  memory.bytes.set(v4(9).sockaddr, elsewhere);
  /** Datagrams with these hops, as they come from the neighbour. */
  const batch = (...hops: readonly number[]): void =>
    hops.forEach((h, i) => {
      writeOuter(memory.view, at + i * DATAGRAM_BYTES, 0, LABEL, 77);
      memory.bytes[at + i * DATAGRAM_BYTES + OUTER.hops] = h;
    });
  const forward = (count: number, name = here, nowUs = 0) =>
    relay.forward(at, count * DATAGRAM_BYTES, DATAGRAM_BYTES, name, nowUs);
  return { memory, totals, peers, relay, session, from, to, far, at, elsewhere, batch, forward };
}

test('a batch goes on under the next label with one hop less', () => {
  const { batch, forward, memory, at, totals } = world();
  batch(MAX_HOPS, 3, 2);
  assert.equal(forward(3), undefined);
  const seen = [0, 1, 2].map((i) => {
    const datagram = at + i * DATAGRAM_BYTES;
    return [memory.bytes[datagram + OUTER.hops], memory.view.getUint32(datagram + OUTER.label)];
  });
  assert.deepEqual(seen, [
    [MAX_HOPS - 1, 6],
    [2, 6],
    [1, 6],
  ]);
  assert.ok(totals.named().sends > 0);
});

test('what would get to no hops is dropped: it would pass for one from its sender itself', () => {
  for (const hops of [0, 1, MAX_HOPS + 1, 255]) {
    const { batch, forward, totals } = world();
    batch(hops);
    assert.equal(forward(1), 'hops', `${hops}`);
    assert.equal(totals.named().sends, 0);
  }
});

test('a label holds for what comes from where its neighbour’s session is', () => {
  const { batch, forward, elsewhere, peers, from, to, relay } = world();
  batch(8);
  assert.equal(forward(1, elsewhere), 'relay-source');
  peers.setRemote(from, v4(9));
  assert.equal(forward(1), 'relay-source');
  assert.equal(forward(1, elsewhere), undefined, 'it has moved');
  batch(8);
  peers.endSession(to);
  assert.equal(forward(1, elsewhere), 'relay-target');
  peers.endSession(from);
  assert.equal(forward(1, elsewhere), 'relay-source');
  relay.set(LABEL, undefined, 0);
  assert.equal(forward(1, elsewhere), 'label');
});

test('datagrams with nothing inside, or of another version, go nowhere', () => {
  const { batch, forward, memory, at, relay } = world();
  batch(8);
  const name = at + 3 * DATAGRAM_BYTES;
  memory.bytes.set(v4(1).sockaddr, name);
  assert.equal(relay.forward(at, 20, 20, name, 0), 'short');
  memory.bytes[at] = 2;
  assert.equal(forward(1), 'version');
});

test('a label passes so many bytes a second, and a tenth of it at once', () => {
  const { batch, forward } = world();
  const send = (nowUs: number): string | undefined => {
    batch(8, 8, 8);
    return forward(3, undefined, nowUs);
  };
  let passed = 0;
  while (send(0) === undefined) passed++;
  assert.equal(passed, Math.floor(1.25e8 / (3 * DATAGRAM_BYTES)));
  assert.equal(send(0), 'relay-rate');
  assert.equal(send(1_000), undefined, 'a millisecond earns 1.25 MB');
});

test('what a peer is sent takes the relay’s address and family, and follows the relay when it moves', () => {
  const { peers, far, to, session } = world();
  session(far, undefined);
  assert.equal(far.fd, -1);
  peers.setRelayWay(far, { via: to.id, label: 8 });
  assert.equal(far.label, 0, 'data goes straight until it is told otherwise');
  peers.carry(far, 'relay');
  peers.setPathMtu(far, 'relay', 1_500);
  const shown = (): unknown => [far.name, far.nameBytes, far.fd, far.label, far.family, far.roomBytes];
  assert.deepEqual(shown(), [to.direct.name, 16, -1, 8, 'v4', 1_500 - 28 - 20]);
  peers.setRemote(to, v6(2));
  assert.deepEqual(shown(), [to.direct.name, 28, -2, 8, 'v6', 1_500 - 48 - 20]);
  useWay(far, 'direct');
  assert.deepEqual([far.name, far.label], [far.direct.name, 0]);
  peers.setPathMtu(far, 'direct', 900);
  assert.equal(far.label, 8, 'a command puts data back on its way');
  peers.setRelayWay(far, undefined);
  assert.deepEqual([far.name, far.label, far.roomBytes], [far.direct.name, 0, 900 - 28 - 20]);
});
