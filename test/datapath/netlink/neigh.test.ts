import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipFromBytes, macFromBytes } from '../../../router/address.js';
import type { Ip, LinkIndex, Mac } from '../../../router/types.js';
import type { Row, RowOp } from '../../../datapath/kernel.js';
import { viewOf } from '../../../datapath/netlink/message.js';
import { encodeRow, MAX_ROW_BYTES, rowCommand } from '../../../datapath/netlink/neigh.js';
import { decodeNeigh, learntOf, rowOf } from '../../../datapath/netlink/neigh-decode.js';
import { hex, messagesIn, vectors } from './vectors.js';

const MAC = '02:00:00:00:00:05' as Mac;
const BRIDGE = 2 as LinkIndex;
const VX = 3 as LinkIndex;
const VX6 = 4 as LinkIndex;
const VTEP = '10.9.0.2' as Ip;

/** The buffer is full of rubbish, as one that is used again is. */
function encode(op: RowOp, seq = 0, ack = true): Uint8Array {
  const b = new Uint8Array(MAX_ROW_BYTES).fill(0xee);
  return b.subarray(0, encodeRow(viewOf(b), 0, op, seq, ack));
}

const self = (over: Partial<Row> = {}): Row =>
  ({ kind: 'self', link: VX, mac: MAC, dst: VTEP, port: 0, ...over }) as Row;

const ops: RowOp[] = [
  { op: 'put', row: self() },
  { op: 'put', row: self({ port: 7000 }) },
  { op: 'put', row: { kind: 'flood', link: VX, dst: VTEP, port: 0 } },
  { op: 'put', row: self({ link: VX6, dst: '2001:db8::1' as Ip }) },
  { op: 'del', row: self() },
  { op: 'put', row: { kind: 'master', link: VX, mac: MAC } },
  { op: 'del', row: { kind: 'master', link: VX, mac: MAC } },
  { op: 'put', row: { kind: 'neigh', link: BRIDGE, ip: '10.32.0.5' as Ip, mac: MAC } },
  { op: 'put', row: { kind: 'neigh', link: BRIDGE, ip: 'fd32::5' as Ip, mac: MAC } },
  { op: 'del', row: { kind: 'neigh', link: BRIDGE, ip: '10.32.0.5' as Ip, mac: MAC } },
];

test('each row operation has the bytes that iproute2 sends for its command', () => {
  const golden = vectors('rtnetlink-requests.hex');
  for (const op of ops) assert.equal(hex(encode(op)), hex(golden.get(rowCommand(op))!), rowCommand(op));
});

test('only an operation that wants an answer asks for one, and each has its number', () => {
  const [m] = messagesIn(encode(ops[0]!, 0x01020304, false));
  assert.equal(m!.seq, 0x01020304);
  assert.equal(m!.flags & 4, 0);
  assert.equal(messagesIn(encode(ops[0]!))[0]!.flags & 4, 4);
});

const anyMac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((b) => macFromBytes(b));
const anyIp = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((b) => ipFromBytes(b)!);
const anyLink = fc.nat(0x7fffffff).map((n) => n as LinkIndex);
const anyPort = fc.nat(0xffff);
const anyRow: fc.Arbitrary<Row> = fc.oneof(
  fc.record({ kind: fc.constant('self' as const), link: anyLink, mac: anyMac, dst: anyIp, port: anyPort }),
  fc.record({ kind: fc.constant('flood' as const), link: anyLink, dst: anyIp, port: anyPort }),
  fc.record({ kind: fc.constant('neigh' as const), link: anyLink, ip: anyIp, mac: anyMac }),
);

test('a row that was written is read back', () => {
  fc.assert(
    fc.property(anyRow, (row) => {
      const b = encode({ op: 'put', row });
      assert.equal(b.length % 4, 0);
      const zero = row.kind === 'self' && row.mac === '00:00:00:00:00:00';
      if (!zero) assert.deepEqual(rowOf(decodeNeigh(messagesIn(b)[0]!)!), { ...row });
    }),
  );
});

const replies = vectors('rtnetlink-replies.hex');
const entriesIn = (name: string) =>
  messagesIn(replies.get(name)!)
    .filter((m) => m.type === 28)
    .map((m) => decodeNeigh(m)!);
const isThere = <T>(x: T | undefined): x is T => x !== undefined;

test('of a bridge port, static and permanent entries are rows, dynamic ones are learnt, its own MAC is neither', () => {
  assert.deepEqual(
    entriesIn('fdb')
      .map((n) => rowOf(n))
      .filter(isThere),
    [
      { kind: 'master', link: VX, mac: MAC },
      { kind: 'flood', link: VX, dst: VTEP, port: 0 },
      { kind: 'self', link: VX, mac: MAC, dst: VTEP, port: 7000 },
    ],
  );
  assert.deepEqual(entriesIn('fdb').map(learntOf).filter(isThere), [{ link: VX, mac: '02:00:00:00:00:06' }]);
});

test('of a bridge itself, neither its groups nor its own MAC are rows', () => {
  assert.equal(entriesIn('bridge').length, 3);
  assert.deepEqual(
    entriesIn('bridge')
      .flatMap((n) => [rowOf(n), learntOf(n)])
      .filter(isThere),
    [],
  );
});

test('of the neighbours only the permanent ones are rows', () => {
  const rows = ['neigh4', 'neigh6']
    .flatMap(entriesIn)
    .map((n) => rowOf(n))
    .filter(isThere);
  assert.deepEqual(rows, [
    { kind: 'neigh', link: BRIDGE, ip: '10.32.0.5', mac: MAC },
    { kind: 'neigh', link: BRIDGE, ip: 'fd32::5', mac: MAC },
  ]);
});

test('a neighbour that is gone is named even without its MAC', () => {
  const [m] = messagesIn(encode({ op: 'del', row: { kind: 'neigh', link: BRIDGE, ip: VTEP, mac: MAC } }));
  const gone = { kind: 'neigh', link: BRIDGE, ip: VTEP, mac: '00:00:00:00:00:00' };
  assert.deepEqual(rowOf(decodeNeigh(m!)!, true), gone);
  assert.equal(rowOf(decodeNeigh(m!)!), undefined);
});
