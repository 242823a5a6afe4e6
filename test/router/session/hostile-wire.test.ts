// What a lossy or hostile control plane does to handshakes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { noise } from '../../../router/noise.js';
import {
  accept,
  answer,
  finish,
  initiate,
  type Answer,
  type Naming,
  type Part,
  type Party,
} from '../../../router/session/handshake.js';
import { HANDSHAKE_MS } from '../../../router/session/side.js';
import { OPEN_KEY_ID, OPEN_KEYS } from '../../../router/trust/mesh-keys.js';
import type { Millis, PeerId } from '../../../router/types.js';
import {
  decodeSession,
  encodeInitiate,
  encodeSession,
  SessionType,
  type SessionFrame,
} from '../../../router/wire/session.js';
import {
  assertCrossed,
  hostId,
  PERFECT,
  SessionHost,
  SessionLab,
  sessionTrust,
  type Wire,
} from '../../support/session-pair.js';

const at = (ms: number): Millis => ms as Millis;
const pair = (wire?: Wire): { a: SessionHost; b: SessionHost; lab: SessionLab } => {
  const [a, b] = [new SessionHost(1), new SessionHost(2)];
  return { a, b, lab: new SessionLab([a, b], wire) };
};

test('a flood of first messages is answered at a bounded pace and kept in bounded memory, and the real one comes through', () => {
  const { a, b, lab } = pair();
  lab.wants(b, a);
  for (let n = 0; n < 5_000; n++) {
    const token = new Uint8Array(8).fill(n & 255).fill(n >> 8, 0, 4);
    const body = encodeInitiate(OPEN_KEY_ID, new Uint8Array(32).fill(9).fill(n, 0, 1));
    lab.deliver(encodeSession({ type: SessionType.initiate, hops: 8, src: a.id, dst: b.id, token, body }));
    lab.run(2);
  }
  assert.ok(b.sent <= 30, `${b.sent} answers and requests in 10 s`);
  assert.ok(b.sessions.indices <= 2, String(b.sessions.indices));
  assert.ok(b.drops.filter((reason) => reason === 'session-rate').length > 4_900);
  lab.wants(a, b);
  lab.run(5_000);
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
});

test('first messages in the names of many wanted peers are answered at a bounded pace as well', () => {
  const b = new SessionHost(5_000);
  const lab = new SessionLab([b]);
  for (let n = 1; n <= 800; n++) {
    b.sessions.handle({ kind: 'wanted', peer: hostId(n), wanted: true }, at(0));
    const body = encodeInitiate(OPEN_KEY_ID, new Uint8Array(32).fill(9));
    lab.deliver(
      encodeSession({
        type: SessionType.initiate,
        hops: 8,
        src: hostId(n),
        dst: b.id,
        token: new Uint8Array(8),
        body,
      }),
    );
  }
  assert.deepEqual([b.sent, b.sessions.indices], [400, 400]);
  lab.run(HANDSHAKE_MS);
  assert.equal(b.sessions.indices, 0);
});

test('what was recorded changes nothing when it comes again, in any order', () => {
  const recorded: Uint8Array[] = [];
  const { a, b, lab } = pair((bytes) => {
    recorded.push(bytes);
    return PERFECT(bytes);
  });
  lab.want();
  lab.run(3 * 60_000);
  const before = [a.told.length, b.told.length, a.sessions.indices];
  lab.wire = PERFECT;
  for (const bytes of [...recorded, ...[...recorded].reverse()]) lab.deliver(bytes);
  lab.run(1_000);
  assert.deepEqual([a.told.length, b.told.length, a.sessions.indices], before);
  lab.run(15_000);
  assert.deepEqual([a.sessions.indices, b.sessions.indices], [2, 2]);
});

test('a handshake survives two forged messages and not a third, and another one takes its place', () => {
  for (const type of [SessionType.answer, SessionType.finish])
    for (const forgeries of [2, 3]) {
      let seen = 0;
      const forge = (bytes: Uint8Array): Uint8Array =>
        bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
      const { a, b, lab } = pair((bytes) => {
        if (bytes[1] !== type || seen++ > 0) return PERFECT(bytes);
        return [
          ...Array.from({ length: forgeries }, () => ({ afterMs: 1, bytes: forge(bytes) })),
          { afterMs: 2, bytes },
        ];
      });
      lab.want();
      lab.run(100);
      assert.equal(a.confirmed(b.id) !== undefined, forgeries === 2);
      lab.run(20_000);
      assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
      assert.equal([...a.drops, ...b.drops].filter((reason) => reason === 'session-forged').length, forgeries);
    }
});

test('a first message that comes again when the session stands is neither answered nor remembered', () => {
  const recorded: Uint8Array[] = [];
  const { a, b, lab } = pair((bytes) => {
    recorded.push(bytes);
    return PERFECT(bytes);
  });
  lab.want();
  lab.run(100);
  lab.deliver(recorded.find((bytes) => bytes[1] === SessionType.initiate)!);
  assert.deepEqual([a.sent, b.sent, b.sessions.indices], [2, 2, 1]);
  assert.deepEqual(b.drops, ['session-token']);
});

test('answers of other handshakes do not count against the one that is under way', () => {
  const { a, b, lab } = pair((bytes) => (bytes[1] === SessionType.answer ? [{ afterMs: 50, bytes }] : PERFECT(bytes)));
  lab.want();
  lab.run(10);
  for (let n = 0; n < 5; n++) {
    const token = new Uint8Array(8).fill(n);
    lab.deliver(
      encodeSession({ type: SessionType.answer, hops: 8, src: b.id, dst: a.id, token, body: new Uint8Array(104) }),
    );
  }
  lab.run(100);
  assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  assert.deepEqual(a.drops, Array(5).fill('session-token'));
});

test('a request that was long under way begins nothing; one that comes later does', () => {
  const { a, b, lab } = pair();
  const token = new Uint8Array(8);
  const request = encodeSession({
    type: SessionType.request,
    hops: 8,
    src: b.id,
    dst: a.id,
    token,
    body: new Uint8Array(0),
  });
  lab.want();
  lab.run(4_000);
  lab.deliver(request);
  lab.run(100);
  assert.equal(a.of(b.id).length, 1);
  lab.run(4_000);
  lab.deliver(request);
  lab.run(100);
  assert.equal(a.of(b.id).length, 2);
});

/** What happens to the n-th frame. */
const anyFate = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'arrives' } as const) },
  { weight: 2, arbitrary: fc.constant({ kind: 'lost' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('twice' as const), ms: fc.nat(20_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const), ms: fc.nat(20_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('damaged' as const),
      at: fc.nat(200),
      xor: fc.integer({ min: 1, max: 255 }),
    }),
  },
);

test('whatever is lost, repeated, delayed or damaged: confirmed sessions cross over, and both ends come to one', () => {
  fc.assert(
    fc.property(fc.array(anyFate, { maxLength: 24 }), (fates) => {
      let n = 0;
      const { a, b, lab } = pair((bytes) => {
        const fate = fates[n++] ?? { kind: 'arrives' };
        switch (fate.kind) {
          case 'arrives':
            return PERFECT(bytes);
          case 'lost':
            return [];
          case 'twice':
            return [...PERFECT(bytes), { afterMs: fate.ms, bytes }];
          case 'late':
            return [{ afterMs: 1 + fate.ms, bytes }];
          case 'damaged':
            return PERFECT(bytes.map((byte, i) => (i === fate.at % bytes.length ? byte ^ fate.xor : byte)));
        }
      });
      lab.want();
      for (let s = 0; s < 400 && (n < fates.length || s < 60); s += 5) {
        lab.run(5_000);
        assertNoFalseBelief(a, b);
        assertNoFalseBelief(b, a);
      }
      lab.run(60_000); // the last frame may be late by 20 s, and a retry is due within 38 s of the last failure
      assertCrossed(a.of(b.id).at(-1), b.of(a.id).at(-1));
      assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
      for (const { sessions } of [a, b]) assert.ok(sessions.indices <= 4);
    }),
    { numRuns: 200 },
  );
});

/** Whom `x` holds for confirmed has the very session, with the keys the other way round. */
function assertNoFalseBelief(x: SessionHost, y: SessionHost): void {
  const mine = x.confirmed(y.id);
  if (mine === undefined) return;
  const theirs = y.of(x.id).find((s) => s.receiveIndex === mine.sendIndex);
  assertCrossed(mine, theirs);
}

/** A member on the way that answers each end in the other's name. It has the secret, and a static key of its own. */
class Impostor {
  /** Those ends that take it for the other. */
  readonly won: PeerId[] = [];
  readonly #ends: readonly [PeerId, PeerId];
  readonly #party: (as: PeerId) => Party;
  #towardsB: { readonly naming: Naming; readonly part: Part } | undefined;
  #towardsA:
    { readonly naming: Naming; readonly part: Part; readonly initiated: Uint8Array; answered: Answer } | undefined;

  constructor(ends: readonly [PeerId, PeerId], party: (as: PeerId) => Party) {
    this.#ends = ends;
    this.#party = party;
  }

  readonly wire: Wire = (bytes) => {
    const frame = decodeSession(bytes);
    if (typeof frame === 'string') return [];
    return this.#answer(frame).map((fx) => ({ afterMs: 1, bytes: encodeSession({ ...fx, hops: 8 }) }));
  };

  #answer(f: SessionFrame): Omit<SessionFrame, 'hops'>[] {
    const [a, b] = this.#ends;
    const back = { src: f.dst, dst: f.src, token: f.token };
    switch (f.type) {
      case SessionType.initiate: {
        const naming = { initiator: a, responder: b, token: f.token, keys: OPEN_KEYS };
        const initiated = f.body.subarray(4);
        const answered = answer(this.#party(b), naming, partOf(1), initiated);
        assert.ok(typeof answered !== 'string');
        this.#towardsA = { naming, part: partOf(1), initiated, answered };
        this.#towardsB = { naming: { ...naming, token: new Uint8Array(8).fill(5) }, part: partOf(2) };
        const { naming: other, part } = this.#towardsB;
        const body = encodeInitiate(OPEN_KEY_ID, initiate(this.#party(a), other, part));
        return [
          { ...back, type: SessionType.answer, body: answered.message },
          { src: a, dst: b, token: other.token, type: SessionType.initiate, body },
        ];
      }
      case SessionType.finish: {
        const { naming, part, initiated, answered } = this.#towardsA!;
        const agreed = accept(this.#party(b), naming, part, initiated, answered, f.body);
        if (typeof agreed === 'string') return [];
        this.won.push(a);
        return [{ ...back, type: SessionType.confirm, body: agreed.confirm }];
      }
      case SessionType.answer: {
        const { naming, part } = this.#towardsB!;
        const done = finish(this.#party(a), naming, part, f.body);
        return typeof done === 'string' ? [] : [{ ...back, type: SessionType.finish, body: done.message }];
      }
      case SessionType.confirm:
        this.won.push(b);
    }
    return [];
  }
}

const partOf = (n: number): Part => ({
  ephemeral: noise.keyPair(new Uint8Array(32).fill(n)),
  terms: { version: 1, oldest: 1, aes: true, index: n },
});

test('a relay that swaps keys is refused by both ends; with what their ids are hashes of it would not be', () => {
  for (const hasTheirKeys of [false, true]) {
    const { a, b, lab } = pair();
    const numberOf = (id: PeerId): number => (id === a.id ? 1 : 2);
    const impostor = new Impostor([a.id, b.id], (as) => {
      const { crypto, signer, staticKey } = sessionTrust(hasTheirKeys ? numberOf(as) : 3);
      return { crypto, signer, staticKey: noise.keyPair(staticKey.publicKey) };
    });
    lab.wire = impostor.wire;
    lab.want();
    lab.run(1_000);
    assert.deepEqual(impostor.won.sort(), hasTheirKeys ? [a.id, b.id].sort() : []);
    if (hasTheirKeys) continue;
    assert.deepEqual([a.told, b.told], [[], []]);
    for (const { drops } of [a, b]) assert.ok(drops.includes('session-identity'), drops.join());
    lab.wire = PERFECT;
    lab.run(60_000);
    assertCrossed(a.confirmed(b.id), b.confirmed(a.id));
  }
});
