// Who has no key gets no answer, and makes nobody send more than it sent itself: in every state, over real sockets.
//
//   stranger ──► other (sessions with `one` and `third`; passes on what comes from `one` with LABEL to `third`)
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import { MAX_HOPS, OUTER, OUTER_BYTES, writeOuter } from '../../../../datapath/sleeve/wire/datagram.js';
import { PROBE_BYTES, writeProbe } from '../../../../datapath/sleeve/wire/message.js';
import type { Mac } from '../../../../router/types.js';
import { KEYS, LoopHost, loopPair, Stranger } from '../../../support/sleeve-loops.js';

const LABEL = 5;
const RECEIVER = 2;
const NUM_RUNS = 500;

const [one, other] = loopPair();
const third = new LoopHost('third', false);
const stranger = new Stranger();
after(() => [one, other, third, stranger].forEach((end) => end.close()));
const keys = { cipher: 'aes-256-gcm', sendKey: KEYS[0], receiveKey: KEYS[1], sendIndex: 9, receiveIndex: 8 } as const;
other.know(third.id, keys, third.socket.port, '02:00:00:00:00:03' as Mac);
other.relay.set(LABEL, { from: other.peer(one.id), to: other.peer(third.id), toLabel: 0 }, 0);

const bytesOf = (datagrams: readonly Uint8Array[]): number => datagrams.reduce((sum, d) => sum + d.length, 0);

/** @returns what each got for a datagram that `from` sent, bytes */
function answers(
  from: Stranger,
  datagram: Uint8Array,
): { readonly stranger: number; readonly one: number; readonly third: number } {
  from.send(other.socket.port, datagram);
  assert.deepEqual(other.receive(), [], 'a frame was made of it');
  const got = [stranger, one.socket, third.socket].map((socket) => bytesOf(socket.received()));
  return { stranger: got[0]!, one: got[1]!, third: got[2]! };
}

const memory = createMemory(16_384);
const at = memory.take(8_192);
const sealer = new Sealing(memory).sealer({ cipher: 'aes-256-gcm', key: KEYS[0], lane: 0, receiver: RECEIVER }, 0);

/** A probe that `one` seals. @param padding bytes behind it */
function probe(padding: number): Uint8Array {
  const message = at + OUTER_BYTES;
  memory.bytes.fill(0, message, message + PROBE_BYTES + padding);
  writeProbe(memory.view, message, 7, 1, 100);
  writeOuter(memory.view, at, 0, 0, RECEIVER);
  sealer.seal(at + OUTER.counter, PROBE_BYTES + padding);
  return memory.bytes.slice(at, at + OUTER_BYTES + PROBE_BYTES + padding + sealer.tagBytes);
}

const labelled = (label: number, hops: number, rest: Uint8Array): Uint8Array => {
  const bytes = Uint8Array.from([...new Uint8Array(OUTER_BYTES), ...rest]);
  writeOuter(new DataView(bytes.buffer), 0, 0, label, 1);
  bytes[OUTER.hops] = hops;
  return bytes;
};
const anyRest = fc.uint8Array({ minLength: 1, maxLength: 1_400 });
const NOTHING = { stranger: 0, one: 0, third: 0 };

test('a datagram for no session, of no version, or of nothing at all is not answered', () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 1_400 }),
    anyRest.map((rest) => labelled(0, 0, rest)),
  );
  fc.assert(
    fc.property(anyBytes, (bytes) => assert.deepEqual(answers(stranger, bytes), NOTHING)),
    { numRuns: NUM_RUNS },
  );
});

test('a probe is answered where its session is, once, and by no more than it had', () => {
  for (const padding of [0, 1, 1_000]) {
    const datagram = probe(padding);
    const first = answers(one.socket, datagram);
    assert.ok(first.one > 0 && first.one <= datagram.length, `${first.one} bytes for ${datagram.length}`);
    assert.deepEqual(answers(one.socket, datagram), NOTHING, 'it was sent again');
    assert.deepEqual(answers(stranger, datagram), NOTHING, 'somebody else sent it again');
  }
});

test('a probe that was changed anywhere is not answered', () => {
  fc.assert(
    fc.property(
      fc.nat(600),
      fc.nat(1e6),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (padding, place, change, spoofed) => {
        const datagram = probe(padding);
        const i = place % datagram.length;
        // Hops and label are the relays', and no part of what is sealed; with a label it is another's.
        if (i === OUTER.hops || (i >= OUTER.label && i < OUTER.label + 4)) return;
        datagram[i]! ^= change;
        assert.deepEqual(answers(spoofed ? one.socket : stranger, datagram), NOTHING);
      },
    ),
    { numRuns: NUM_RUNS },
  );
});

test('a label is not followed from where it was not agreed, and nobody is told', () => {
  fc.assert(
    fc.property(fc.constantFrom(LABEL, LABEL + 1), fc.nat(255), anyRest, (label, hops, rest) =>
      assert.deepEqual(answers(stranger, labelled(label, hops, rest)), NOTHING),
    ),
    { numRuns: NUM_RUNS },
  );
});

test('what bears the address that a label was agreed with goes on as long as it came, or not at all', () => {
  fc.assert(
    fc.property(fc.constantFrom(LABEL, LABEL + 1), fc.nat(MAX_HOPS + 1), anyRest, (label, hops, rest) => {
      const datagram = labelled(label, hops, rest);
      const goesOn = label === LABEL && hops > 1 && hops <= MAX_HOPS;
      assert.deepEqual(answers(one.socket, datagram), { ...NOTHING, third: goesOn ? datagram.length : 0 });
    }),
    { numRuns: NUM_RUNS },
  );
});
