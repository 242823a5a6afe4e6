// Whatever somebody says on control streams, with the secret of the mesh or with another: nothing throws, nobody without it is let in, little is
// answered, and when it is over nothing is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { signHello } from '../../router/trust/greeting.js';
import type { MeshKeys } from '../../router/trust/mesh-keys.js';
import { SecureStream } from '../../router/trust/secure-stream.js';
import type { Trust } from '../../router/trust/trust.js';
import type { RouterEffect } from '../../router/router-events.js';
import type { Ip } from '../../router/types.js';
import { encodeKnock } from '../../router/wire/knock.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { encodeFrame, encodePreamble, FrameType } from '../../router/wire/stream.js';
import { cheapTrust } from '../support/cheap-trust.js';
import { newIdentity } from '../support/identity.js';
import { LoneCore } from '../support/lone-core.js';
import { keysOf } from '../support/real-trust.js';

const [OURS, THEIRS] = [keysOf(1), keysOf(2)];
const KEY = new Uint8Array(32).fill(7);
const { signatures } = newIdentity();
/** A preamble, a knock and a refusal are all that a stranger may hear, and a challenge. */
const MAX_SAID_BYTES = 200;
const MAX_REASONS = 200;

const router = (): LoneCore => new LoneCore(KEY, cheapTrust(KEY, 'router', OURS), signatures);

/** One router for many runs, as it is for many attacks: what is left of one is there in the next. */
function lived(runs: number): () => LoneCore {
  let [at, left] = [router(), runs];
  return () => {
    if (left-- === 0) [at, left] = [router(), runs];
    return at;
  };
}
const RUNS_OF_ONE = 250;

/** One who calls, who may have the secret, and what the router says to it. */
class Caller {
  readonly #at: LoneCore;
  readonly #conn: number;
  readonly #key: Uint8Array;
  readonly #trust: Trust;
  readonly #stream: SecureStream;
  readonly heard: { type: number; body: Uint8Array }[] = [];
  readonly #inbox: Uint8Array[] = [];
  #isBusy = false;
  saidBytes = 0;
  isClosed = false;

  constructor(at: LoneCore, conn: number, keys: MeshKeys) {
    [this.#at, this.#conn] = [at, conn];
    this.#key = new Uint8Array(32).fill(100 + conn);
    this.#trust = cheapTrust(this.#key, `caller ${conn}`, keys);
    this.#stream = new SecureStream(this.#trust);
    const remote = { ip: `10.1.0.${conn}` as Ip, port: 6783 };
    this.did(at.do({ kind: 'opened', conn: -conn, remote, outbound: false }));
  }

  /** Shakes hands and says hello, as far as the router lets it. */
  greet(): void {
    for (const item of this.#stream.opened(true)) if (item.kind === 'say') this.say(item.bytes);
  }

  say(bytes: Uint8Array): void {
    if (!this.isClosed) this.did(this.#at.do({ kind: 'received', conn: -this.#conn, bytes }));
  }

  frame(type: number, body: Uint8Array): void {
    if (this.#stream.isSealed) this.say(this.#stream.seal(encodeFrame(type, body)));
  }

  close(): void {
    if (!this.isClosed) this.#at.do({ kind: 'closed', conn: -this.#conn, reason: 'ended' });
    this.isClosed = true;
  }

  did(all: readonly RouterEffect[]): void {
    for (const fx of all) {
      if (fx.kind === 'close' && fx.conn === -this.#conn) this.isClosed = true;
      if (fx.kind === 'send' && fx.conn === -this.#conn) this.#inbox.push(fx.bytes);
    }
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let bytes = this.#inbox.shift(); bytes !== undefined; bytes = this.#inbox.shift()) this.#hear(bytes);
    this.#isBusy = false;
  }

  #hear(bytes: Uint8Array): void {
    this.saidBytes += bytes.length;
    for (const item of this.#stream.received(bytes)) {
      if (item.kind === 'say') this.say(item.bytes);
      if (item.kind === 'sealed') this.#sayHello();
      if (item.kind !== 'frame') continue;
      this.heard.push({ type: item.type, body: item.body.slice() });
      if (item.type === FrameType.hello) this.frame(FrameType.pong, new Uint8Array());
    }
  }

  #sayHello(): void {
    const hello = {
      id: peerIdOf(this.#key),
      publicKey: this.#key,
      name: `caller-${this.#conn}`,
      incarnation: 1,
      port: 6783,
      launch: new Uint8Array(16).fill(this.#conn),
      dialled: undefined,
      softwareVersion: '0.1.0',
    };
    this.frame(FrameType.hello, signHello(this.#trust.signer, this.#stream.hash!, true, hello));
  }
}

/** What the router itself says to one whom it lets in: to be said back to it, spoilt. */
const sample = new Caller(router(), 1, OURS);
sample.greet();

const knock = (id: string): Uint8Array => encodeFrame(FrameType.knock, encodeKnock({ keyId: id, capabilities: 0 }));
const anyBody = fc.oneof(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(...sample.heard.map(({ body }) => body)));
const anyType = fc.oneof(fc.integer({ min: 0, max: 24 }), fc.constantFrom(...sample.heard.map(({ type }) => type)));
const spoiling = fc.record({ at: fc.nat(400), to: fc.nat(255), keeps: fc.nat(600) });
const spoilt = (body: Uint8Array, { at, to, keeps }: { at: number; to: number; keeps: number }): Uint8Array => {
  const copy = body.slice(0, keeps);
  if (copy.length > 0) copy[at % copy.length] = to;
  return copy;
};
const anySaying = fc.oneof(
  fc.constantFrom(encodePreamble(), knock(OURS.id), knock(THEIRS.id)),
  fc
    .tuple(fc.integer({ min: 14, max: 18 }), fc.uint8Array({ maxLength: 100 }))
    .map(([type, body]) => encodeFrame(type, body)),
  fc.uint8Array({ maxLength: 60 }),
);

test('who has another secret is not let in, whatever it says, hears next to nothing, and leaves nothing behind', () => {
  const anyEvent = fc.record({
    caller: fc.nat(3),
    says: anySaying,
    greets: fc.boolean(),
    cut: fc.nat(40),
    waitMs: fc.nat(900),
  });
  // The key id is in clear: whoever listens has it.
  const anyKeys = fc.constantFrom(THEIRS, { ...THEIRS, id: OURS.id });
  const next = lived(RUNS_OF_ONE);
  fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 12 }), anyKeys, (events, keys) => {
      const at = next();
      const callers = Array.from({ length: 4 }, (_, n) => new Caller(at, n + 1, keys));
      for (const { caller: n, says, greets, cut, waitMs } of events) {
        const caller = callers[n]!;
        if (greets) caller.greet();
        for (let from = 0; from < says.length; from += cut + 1) caller.say(says.slice(from, from + cut + 1));
        const late = at.wait(waitMs);
        for (const other of callers) other.did(late);
      }
      for (const caller of callers) assert.ok(caller.saidBytes <= MAX_SAID_BYTES, `${caller.saidBytes} bytes`);
      assert.equal(at.core.connections.count, 0);
      for (const caller of callers) caller.did(at.wait(10_000));
      assert.equal(at.core.connections.nextDeadline(), undefined, 'no stream is left');
      assert.equal(at.core.options.store.ownerCount, 1);
      assert.ok(at.core.drops.size < MAX_REASONS);
    }),
  );
});

test('who has the secret may send any frame with any body: it is let in, or is closed, and nothing of its streams is left', () => {
  const anyFrame = fc.record({
    caller: fc.nat(1),
    type: anyType,
    body: anyBody,
    spoils: fc.option(spoiling),
    waitMs: fc.nat(300),
  });
  const next = lived(RUNS_OF_ONE);
  fc.assert(
    fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 10 }), (frames) => {
      const at = next();
      const callers = [new Caller(at, 1, OURS), new Caller(at, 2, OURS)];
      for (const caller of callers) caller.greet();
      for (const { caller, type, body, spoils, waitMs } of frames) {
        callers[caller]!.frame(type, spoils === null ? body : spoilt(body, spoils));
        const late = at.wait(waitMs);
        for (const each of callers) each.did(late);
      }
      const open = callers.filter(({ isClosed }) => !isClosed);
      assert.ok(at.core.connections.count <= open.length);
      for (const caller of callers) caller.close();
      at.wait(1_000);
      assert.equal(at.core.connections.count, 0);
      assert.equal(at.core.connections.nextDeadline(), undefined, 'no stream is left');
      assert.ok(at.core.drops.size < MAX_REASONS);
    }),
  );
});

test('the caller that these tests know is let in, and hears records, when it says nothing wrong', () => {
  const at = router();
  const caller = new Caller(at, 1, OURS);
  caller.greet();
  caller.did(at.wait(1_000));
  assert.equal(at.core.connections.count, 1);
  assert.ok(new Set(caller.heard.map(({ type }) => type)).size > 1, 'more than a hello');
  assert.ok(sample.heard.length > 1);
});
