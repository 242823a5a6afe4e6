import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeAddr } from '../../../datapath/netlink/addr.js';
import { decodeLink, decodeLinkHead } from '../../../datapath/netlink/link-decode.js';
import {
  concat,
  decodeDone,
  decodeError,
  encodeAttr,
  encodeMessage,
  stringAt,
  viewOf,
  visitAttrs,
  visitMessages,
} from '../../../datapath/netlink/message.js';
import { decodeNeigh, learntOf, rowOf } from '../../../datapath/netlink/neigh-decode.js';
import { hex, messagesIn, vectors } from './vectors.js';

const anyBytes = fc.uint8Array({ maxLength: 64 });
const anyMessage = fc.record({ type: fc.nat(0xffff), flags: fc.nat(0xffff), seq: fc.nat(), payload: anyBytes });

const attrsOf = (b: Uint8Array): [number, string][] => {
  const all: [number, string][] = [];
  visitAttrs(viewOf(b), 0, b.length, (type, at, length) => all.push([type, hex(b.subarray(at, at + length))]));
  return all;
};

test('messages that were written one after the other are read back, padding aside', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 5 }), (written) => {
      const b = concat(...written.map((m) => encodeMessage(m.type, m.flags, m.seq, m.payload)));
      const read = messagesIn(b).map(({ type, flags, seq, at, end }) => ({
        type,
        flags,
        seq,
        payload: b.slice(at, end),
      }));
      const padded = written.map((m) => ({ ...m, payload: concat(m.payload, new Uint8Array(-m.payload.length & 3)) }));
      assert.deepEqual(read, padded);
    }),
  );
});

test('attributes that were written one after the other are read back, to the byte', () => {
  const anyAttr = fc.tuple(fc.nat(0x3fff), anyBytes);
  fc.assert(
    fc.property(fc.array(anyAttr, { maxLength: 5 }), (written) => {
      const b = concat(...written.map(([type, value]) => encodeAttr(type, value)));
      assert.deepEqual(
        attrsOf(b),
        written.map(([type, value]) => [type, hex(value)]),
      );
    }),
  );
});

test('the flag bits of an attribute type are not part of it', () => {
  assert.deepEqual(attrsOf(encodeAttr(0xc000 | 12, Uint8Array.of(1))), [[12, '01']]);
});

test('a message whose length is a lie ends the walk, and the walk says so', () => {
  const whole = encodeMessage(16, 0, 1, Uint8Array.of(1, 2, 3, 4));
  const count = (b: Uint8Array): [number, boolean] => {
    let seen = 0;
    const whole = visitMessages(viewOf(b), b.length, () => void seen++);
    return [seen, whole];
  };
  assert.deepEqual(count(whole), [1, true]);
  assert.deepEqual(count(concat(whole, whole.subarray(0, 19))), [1, false]);
  for (const length of [0, 15, 21]) {
    const b = whole.slice();
    viewOf(b).setUint32(0, length, true);
    assert.deepEqual(count(b), [0, false], `length ${length}`);
  }
  assert.deepEqual(count(whole.subarray(0, 7)), [0, false]);
  assert.deepEqual(count(new Uint8Array()), [0, true]);
});

test("an error carries the kernel's own sentence, with and without the request in it", () => {
  const sentence = encodeAttr(1, Buffer.from('Unknown device type\0'));
  const request = encodeMessage(16, 5, 7, Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9));
  const errno = new Uint8Array(Int32Array.of(-95).buffer);
  const capped = encodeMessage(2, 0x300, 7, concat(errno, request.subarray(0, 16), sentence));
  const whole = encodeMessage(2, 0x200, 7, concat(errno, request, sentence));
  const bare = encodeMessage(2, 0x100, 7, concat(errno, request.subarray(0, 16)));
  const outcomes = [capped, whole, bare].map((b) => decodeError(messagesIn(b)[0]!));
  const said = { errno: 95, sentence: 'Unknown device type' };
  assert.deepEqual(outcomes, [said, said, { errno: 95, sentence: '' }]);
  assert.deepEqual(decodeDone(messagesIn(encodeMessage(3, 2, 7, errno))[0]!), { errno: 95, sentence: '' });
});

test('a string ends at its NUL, or at the end of the attribute', () => {
  const b = Buffer.from('br-t\0junk');
  assert.equal(stringAt(viewOf(b), 0, 9), 'br-t');
  assert.equal(stringAt(viewOf(b), 0, 2), 'br');
  assert.equal(stringAt(viewOf(Uint8Array.of(0xff, 0)), 0, 2), '\ufffd');
});

const decodeAll = (b: Uint8Array): void => {
  for (const m of messagesIn(b)) {
    for (const decode of [decodeError, decodeDone, decodeLink, decodeLinkHead, decodeAddr]) decode(m);
    const neigh = decodeNeigh(m);
    if (neigh === undefined) continue;
    learntOf(neigh);
    rowOf(neigh);
    rowOf(neigh, true);
  }
};

test('no decoder throws, whatever the bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodeAll));
  const framed = fc.uint8Array({ maxLength: 200 }).map((payload) => encodeMessage(16, 0x300, 1, payload));
  fc.assert(fc.property(framed, decodeAll));
});

test('no decoder throws on a true message with some bytes changed and its end cut off', () => {
  const replies = [...vectors('rtnetlink-replies.hex').values(), ...vectors('rtnetlink-requests.hex').values()];
  const change = fc.tuple(fc.nat(2000), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(...replies),
      fc.array(change, { maxLength: 8 }),
      fc.nat(2000),
      (reply, changes, cut) => {
        const b = reply.slice(0, reply.length - (cut % reply.length));
        for (const [at, byte] of changes) b[at % b.length] = byte;
        decodeAll(b);
      },
    ),
  );
});

test('an error whose request claims to be longer than 2 GiB has no sentence', () => {
  const body = new Uint8Array(32);
  new DataView(body.buffer).setInt32(0, -2, true);
  new DataView(body.buffer).setUint32(4, 0xc0000000, true);
  const [m] = messagesIn(encodeMessage(2, 0x200, 1, body)); // NLMSG_ERROR, NLM_F_ACK_TLVS
  assert.deepEqual(decodeError(m!), { errno: 2, sentence: '' });
});
