import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Contacts } from '../../router/contacts.js';
import type { RouterEffect } from '../../router/router-events.js';
import type { Millis, PeerId } from '../../router/types.js';

const at = (ms: number): Millis => ms as Millis;
const PEER = 'a'.repeat(32) as PeerId;
const nobody = (): boolean => false;
const target = { text: 'web', host: 'web', port: 6783 };

/** Somebody waits for the outcome of a dial. @returns the contacts and the stream of the dial */
function connecting(): { contacts: Contacts; conn: number } {
  const contacts = new Contacts(() => 0.5);
  contacts.connect(target, 7, nobody, at(0));
  const [dial] = contacts.dialer.tick(at(0), nobody);
  return { contacts, conn: dial!.conn };
}

const result = (fx: readonly RouterEffect[]): RouterEffect | undefined => fx.find((f) => f.kind === 'connectResult');

test('whoever waits is told when the connection stands', () => {
  const { contacts, conn } = connecting();
  assert.deepEqual(contacts.up(conn, PEER), [{ kind: 'connectResult', request: 7 }]);
});

test('all who wait for the same host are told', () => {
  const { contacts, conn } = connecting();
  contacts.connect(target, 8, nobody, at(1));
  assert.deepEqual(contacts.up(conn, PEER), [
    { kind: 'connectResult', request: 7 },
    { kind: 'connectResult', request: 8 },
  ]);
});

test('our own address, another protocol, another version and an unknown name are refused, and not kept', () => {
  for (const why of ['self', 'not-mesh', 'version'] as const) {
    const { contacts, conn } = connecting();
    const fx = contacts.refused(conn, 'because', why, at(1));
    assert.deepEqual(result(fx), { kind: 'connectResult', request: 7, refused: 'because' });
    assert.deepEqual(contacts.dialer.targets(), [], why);
  }
  const { contacts, conn } = connecting();
  assert.deepEqual(result(contacts.dialFailed(conn, 'no such host', true, at(1))), {
    kind: 'connectResult',
    request: 7,
    refused: 'no such host',
  });
  assert.deepEqual(contacts.dialer.targets(), []);
});

test('a host that does not answer yet is kept, with a note', () => {
  const { contacts, conn } = connecting();
  const fx = result(contacts.dialFailed(conn, 'connection refused', false, at(1)));
  assert.ok(fx?.kind === 'connectResult' && fx.refused === undefined && fx.note?.startsWith('connection refused; '));
  assert.equal(contacts.dialer.targets().length, 1);
});

test('after 4 s of silence whoever waits is told so, once', () => {
  const { contacts } = connecting();
  assert.equal(contacts.nextDeadline(nobody), 4_000);
  assert.deepEqual(contacts.tick(at(3_999)), []);
  assert.equal(result(contacts.tick(at(4_000)))?.kind, 'connectResult');
  assert.deepEqual(contacts.tick(at(9_000)), []);
});

test('a target of launch, for which nobody waits, is kept whatever it answers', () => {
  const contacts = new Contacts(() => 0.5);
  contacts.connect(target, undefined, nobody, at(0));
  const [dial] = contacts.dialer.tick(at(0), nobody);
  contacts.dialFailed(dial!.conn, 'no such host', true, at(1));
  assert.equal(contacts.dialer.targets()[0]?.state, 'waiting');
});

test('a target that is connected already needs no dial to be answered', () => {
  const { contacts, conn } = connecting();
  contacts.up(conn, PEER);
  const fx = contacts.connect(target, 8, () => true, at(9));
  assert.deepEqual(result(fx), { kind: 'connectResult', request: 8 });
});
