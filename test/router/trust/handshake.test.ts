import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { NEW_HANDSHAKE, stepHandshake, type Handshake, type HandshakeFx } from '../../../router/trust/handshake.js';
import { OPEN_KEYS } from '../../../router/trust/mesh-keys.js';
import type { Trust } from '../../../router/trust/trust.js';
import { joined } from '../../../router/wire/bytes.js';
import { encodeKnock } from '../../../router/wire/knock.js';
import { encodeFrame, encodePreamble, FrameType } from '../../../router/wire/stream.js';
import { cheapTrust } from '../../support/cheap-trust.js';
import { keysOf, realTrust } from '../../support/real-trust.js';

const [OURS, THEIRS] = [keysOf(1), keysOf(2)];
const cheap = (n: number, keys = OURS): Trust => cheapTrust(new Uint8Array(32).fill(n), `launch ${n}`, keys);

/** One side, with all that it did so far. */
class Side {
  readonly #me: Trust;
  readonly #isWelcoming: boolean;
  state: Handshake = NEW_HANDSHAKE;
  readonly did: HandshakeFx[] = [];

  /** @param isWelcoming else it asks for a proof first */
  constructor(me: Trust, dialled: boolean, isWelcoming = true) {
    this.#me = me;
    this.#isWelcoming = isWelcoming;
    this.#step({ kind: 'opened', dialled });
  }

  hear(bytes: Uint8Array): void {
    this.#step({ kind: 'received', bytes });
  }

  /** What it said since it was asked last. */
  says(): Uint8Array {
    const said = this.did.flatMap((fx) => (fx.kind === 'say' ? [fx.bytes] : []));
    const all = joined(...said.slice(this.#told));
    this.#told = said.length;
    return all;
  }
  #told = 0;

  get sealed(): (HandshakeFx & { kind: 'sealed' }) | undefined {
    return this.did.find((fx) => fx.kind === 'sealed');
  }

  get refused(): (HandshakeFx & { kind: 'refused' }) | undefined {
    return this.did.find((fx) => fx.kind === 'refused');
  }

  #step(ev: Parameters<typeof stepHandshake>[1]): void {
    const [next, fx] = stepHandshake(this.state, ev, this.#me);
    this.state = next;
    this.did.push(...fx);
    if (fx.some(({ kind }) => kind === 'introduced')) this.#step({ kind: 'judged', welcome: this.#isWelcoming });
  }
}

/** Lets both speak until neither has anything to say. @param meddle with what the dialler says */
function meet(
  a: Trust,
  b: Trust,
  cut = Infinity,
  meddle: (bytes: Uint8Array) => Uint8Array = (x) => x,
  isWelcoming = true,
): [Side, Side] {
  const [dialler, other] = [new Side(a, true), new Side(b, false, isWelcoming)];
  const hand = (to: Side, bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += cut) to.hear(bytes.slice(at, at + cut));
  };
  for (let round = 0; round < 4; round++) {
    hand(other, meddle(dialler.says()));
    hand(dialler, other.says());
  }
  return [dialler, other];
}

function assertSealed(a: Side, b: Side): void {
  assert.ok(a.sealed !== undefined && b.sealed !== undefined, a.refused?.reason ?? b.refused?.reason);
  assert.deepEqual([a.sealed.sendKey, a.sealed.receiveKey], [b.sealed.receiveKey, b.sealed.sendKey]);
  assert.deepEqual(a.sealed.hash, b.sealed.hash);
  assert.notDeepEqual(a.sealed.sendKey, a.sealed.receiveKey);
  assert.equal(a.state.kind, 'over');
}

test('two with one secret come to the same keys, by real and by cheap cryptography, however the bytes are cut', async () => {
  const real = [await realTrust(OURS), await realTrust(OURS)] as const;
  for (const cut of [Infinity, 1, 7]) {
    assertSealed(...meet(...real, cut));
    assertSealed(...meet(cheap(1), cheap(2), cut));
    assertSealed(...meet(...real, cut, undefined, false));
  }
  assertSealed(...meet(await realTrust(), await realTrust()));
});

test('each handshake has other keys', async () => {
  const [a, b] = [await realTrust(OURS), await realTrust(OURS)];
  assert.notDeepEqual(meet(a, b)[0].sealed!.sendKey, meet(a, b)[0].sealed!.sendKey);
});

test('another secret is refused on both sides after one message, and neither says which it has', () => {
  const [dialler, other] = meet(cheap(1, OURS), cheap(2, THEIRS));
  assert.equal(dialler.refused?.why, 'secret');
  assert.equal(other.refused?.why, 'secret');
  assert.match(other.refused.reason, /another secret/);
  const said = other.did.flatMap((fx) => (fx.kind === 'say' ? [Buffer.from(fx.bytes).toString('hex')] : []));
  assert.ok(!said.join('').includes(THEIRS.id));
});

test('who accepts two secrets lets in whoever has either, under that one, and begins under its own', async () => {
  const both = { ...(await realTrust(OURS)), alsoAccepted: [THEIRS] };
  for (const keys of [OURS, THEIRS]) {
    const [dialler, other] = meet(await realTrust(keys), both);
    assertSealed(dialler, other);
    assert.deepEqual([dialler.sealed?.keyId, other.sealed?.keyId], [keys.id, keys.id]);
  }
  assert.equal(meet(both, await realTrust(OURS))[0].sealed?.keyId, OURS.id);
  assert.equal(meet(both, await realTrust(THEIRS))[1].refused?.why, 'secret');
  assert.equal(meet(await realTrust(keysOf(3)), both)[1].refused?.why, 'secret');
  assert.equal(meet(await realTrust({ ...keysOf(3), id: THEIRS.id }), both)[1].refused?.why, 'forged');
});

test('an open router and one with a secret refuse each other, and say why', () => {
  const [open, sealed] = meet(cheap(1, OPEN_KEYS), cheap(2, OURS));
  assert.equal(sealed.refused?.reason, 'it is open: it has no secret, and this mesh has one');
  assert.equal(open.refused?.why, 'secret');
  assert.equal(
    meet(cheap(1, OURS), cheap(2, OPEN_KEYS))[1].refused?.reason,
    'its mesh has a secret, and this router is open',
  );
});

test('whoever has our key id and not our secret gets no message 2, nor a word why', async () => {
  const liar = { ...THEIRS, id: OURS.id };
  for (const [a, b] of [
    [await realTrust(liar), await realTrust(OURS)],
    [cheap(1, liar), cheap(2, OURS)],
  ] as const) {
    const [dialler, other] = meet(a, b);
    assert.equal(other.refused?.drop, 'handshake-stamp');
    assert.deepEqual(
      dialler.did.map(({ kind }) => kind),
      ['say'],
    );
  }
});

test('a secret that is wrong is noticed by who was dialled as well', async () => {
  const [dialler, other] = [new Side(await realTrust(OURS), true), new Side(await realTrust(OURS), false)];
  other.hear(dialler.says());
  const stranger = new Side(await realTrust({ ...THEIRS, id: OURS.id }), true);
  stranger.says();
  other.hear(encodeFrame(FrameType.noise, new Uint8Array(64)));
  assert.equal(other.refused?.why, 'forged');
});

test('a version, a capability or a key that was changed on the way is noticed', async () => {
  const [a, b] = [await realTrust(OURS), await realTrust(OURS)];
  const length = new Side(a, true).says().length;
  for (let at = 0; at < length; at++) {
    const [dialler, other] = meet(a, b, Infinity, (bytes) =>
      bytes.length === length ? bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)) : bytes,
    );
    assert.ok(dialler.sealed === undefined && other.sealed === undefined, `byte ${at}`);
  }
});

test('what follows the handshake in the same chunk is given on', () => {
  const [a, b] = [new Side(cheap(1), true), new Side(cheap(2), false)];
  b.hear(a.says());
  a.hear(b.says());
  b.hear(joined(a.says(), Uint8Array.of(1, 2, 3)));
  assert.deepEqual(b.sealed?.rest, Uint8Array.of(1, 2, 3));
});

test('who opens a connection and says nothing hears nothing, and who speaks another protocol as well', () => {
  const silent = new Side(cheap(1), false);
  assert.equal(silent.did.length, 0);
  silent.hear(Buffer.from('GET / HTTP/1.1\r\n'));
  assert.deepEqual(
    silent.did.map(({ kind }) => kind),
    ['refused'],
  );
});

test('a peer of another version hears which we speak', () => {
  const side = new Side(cheap(1), false);
  side.hear(Uint8Array.of(...Buffer.from('mesh'), 9, 9));
  assert.deepEqual(side.says(), encodePreamble());
  assert.match(side.refused?.reason ?? '', /version 9 .* version 3: upgrade the local mesh/);
});

test('a message 1 that is repeated gets other answers, and a message 3 of another handshake is not taken', async () => {
  const [a, b] = [await realTrust(OURS), await realTrust(OURS)];
  const dialler = new Side(a, true);
  const [first, again] = [new Side(b, false), new Side(b, false)];
  const call = dialler.says();
  first.hear(call);
  again.hear(call);
  const answers = [first.says(), again.says()];
  assert.notDeepEqual(answers[0], answers[1]);
  dialler.hear(answers[0]!);
  again.hear(dialler.says());
  assert.equal(again.refused?.why, 'forged');
});

test('a call that was recorded is asked for a proof that it cannot give, and proves nothing of another call', async () => {
  const [a, b] = [await realTrust(OURS), await realTrust(OURS)];
  const [dialler, fresh, again] = [new Side(a, true), new Side(a, true), new Side(a, true)];
  const call = dialler.says();
  const [other, replayed, relayed] = [1, 2, 3].map(() => new Side(b, false, false)) as [Side, Side, Side];
  for (const side of [other, replayed, relayed]) side.hear(call);
  fresh.says();
  fresh.hear(relayed.says());
  relayed.hear(fresh.says());
  assert.equal(relayed.refused?.drop, 'handshake-proof', 'of another call with the same challenge');
  dialler.hear(other.says());
  const proof = dialler.says();
  replayed.hear(proof);
  assert.equal(replayed.refused?.drop, 'handshake-proof');
  other.hear(proof);
  assert.equal(other.state.kind, 'answered');
  dialler.hear(encodeFrame(FrameType.challenge, new Uint8Array(16)));
  assert.equal(dialler.refused?.why, 'failed', 'it proves once');
  again.hear(encodePreamble());
  again.hear(encodeFrame(FrameType.challenge, new Uint8Array(16)));
  assert.equal(again.refused?.why, 'failed', 'and not before it knows who asks');
});

test('of one who never finishes at most a kilobyte is read, and no bytes make it throw', () => {
  const parts = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(encodePreamble(), encodeFrame(FrameType.knock, encodeKnock({ keyId: OURS.id, capabilities: 0 }))),
    fc.tuple(fc.nat(16), fc.uint8Array({ maxLength: 100 })).map(([type, body]) => encodeFrame(type, body)),
  );
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.boolean(),
      fc.array(parts, { maxLength: 6 }),
      fc.nat(9),
      (dialled, knows, chunks, cut) => {
        const side = new Side(cheap(1), dialled);
        const greeting = [
          encodePreamble(),
          encodeFrame(FrameType.knock, encodeKnock({ keyId: OURS.id, capabilities: 0 })),
        ];
        for (const chunk of [...(knows ? greeting : []), ...chunks])
          for (let at = 0; at < chunk.length; at += cut + 1) side.hear(chunk.slice(at, at + cut + 1));
        assert.equal(side.sealed, undefined);
        for (let n = 0; n < 30; n++) side.hear(new Uint8Array(40));
        assert.equal(side.state.kind, 'over');
      },
    ),
  );
});

test('the table in the first comment names every state', () => {
  const text = readFileSync('router/trust/handshake.ts', 'utf8').split('import')[0]!;
  for (const state of ['calling', 'called', 'introduced', 'challenged', 'answered', '(over)'])
    assert.ok(text.includes(`  ${state} `), state);
});
