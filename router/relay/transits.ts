// What a relay holds: for each way that goes through it, whom it came from, whom it goes on to, and a label of its own for each
// direction. One token, one state: so a way passes a relay once, and what follows its labels cannot go round.
//
//   event                              what is done
//   setup, new                         label for the way back and its rule; setup to the next hop
//   setup, new, no hop, seat, path     end to who asked
//   setup, again                       the same setup to the same hop
//   ready of the next                  label for the way on and its rule; ready to who asked
//   end of one side                    end to the other; both rules gone
//   a neighbour on the way is lost     end to the other, naming it; both rules gone
//   90 s without a setup               both rules gone
import type { Millis, PeerId } from '../types.js';
import { MAX_RELAYS, type End, type EndReason, type Ready, type RelayToken, type Setup } from '../wire/relay.js';
import { drop, FORGET_MS, type RelaysFx, type Shared } from './shared.js';

/** One direction: what comes with `label` goes on with `toLabel`. */
interface Lane {
  readonly label: number;
  toLabel: number;
}

interface Transit {
  readonly destination: PeerId;
  readonly previous: PeerId;
  readonly next: PeerId;
  readonly back: Lane;
  /** Undefined until `next` is ready. */
  on: Lane | undefined;
  until: Millis;
}

export class Transits {
  readonly #shared: Shared;
  /** The one that was refreshed longest ago is first. */
  readonly #byToken = new Map<RelayToken, Transit>();

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  get count(): number {
    return this.#byToken.size;
  }

  has(token: RelayToken): boolean {
    return this.#byToken.has(token);
  }

  setup(from: PeerId, frame: Setup, now: Millis): RelaysFx[] {
    if (frame.path.length > MAX_RELAYS) return this.#refuse(from, frame.token, 'no-way');
    const known = this.#byToken.get(frame.token);
    if (known === undefined) return this.#admit(from, frame, now);
    if (known.previous !== from || known.destination !== frame.destination) return [drop('token')];
    this.#keep(frame.token, known, now);
    const isRelabelled = known.back.toLabel !== frame.label;
    known.back.toLabel = frame.label;
    return [...(isRelabelled ? [this.#backRule(known)] : []), this.#pass(known, frame)];
  }

  ready(from: PeerId, frame: Ready): RelaysFx[] {
    const t = this.#byToken.get(frame.token);
    if (t?.next !== from) return [drop('token')];
    if (frame.relays >= MAX_RELAYS) return [drop('relays')];
    const isNew = t.on?.toLabel !== frame.label;
    t.on ??= { label: this.#shared.labels.draw(), toLabel: frame.label };
    t.on.toLabel = frame.label;
    const rule = { from: t.previous, to: t.next, toLabel: frame.label };
    return [
      ...(isNew ? [{ kind: 'relayRule', label: t.on.label, rule } as const] : []),
      { kind: 'say', to: t.previous, frame: { ...frame, label: t.on.label, relays: frame.relays + 1 } },
    ];
  }

  end(from: PeerId, frame: End): RelaysFx[] {
    const t = this.#byToken.get(frame.token);
    if (t === undefined || (from !== t.previous && from !== t.next)) return [drop('token')];
    return [...this.#forget(frame.token, t), { kind: 'say', to: from === t.next ? t.previous : t.next, frame }];
  }

  /** The connection to a neighbour ended. */
  lost(neighbour: PeerId): RelaysFx[] {
    const fx: RelaysFx[] = [];
    for (const [token, t] of this.#byToken)
      if (t.previous === neighbour || t.next === neighbour)
        fx.push(...this.end(neighbour, { kind: 'end', token, reason: 'lost', culprit: neighbour }));
    return fx;
  }

  tick(now: Millis): RelaysFx[] {
    const fx: RelaysFx[] = [];
    for (const [token, t] of this.#byToken) {
      if (t.until > now) break;
      fx.push(...this.#forget(token, t));
    }
    return fx;
  }

  nextDeadline(): Millis | undefined {
    for (const { until } of this.#byToken.values()) return until;
    return undefined;
  }

  #admit(from: PeerId, frame: Setup, now: Millis): RelaysFx[] {
    const { token, destination, path, avoid } = frame;
    const passOver = new Set([...path, ...avoid]);
    const search = { passOver, maxRelays: MAX_RELAYS - path.length, canBeLast: true };
    const next = this.#shared.hop(destination, search);
    if (next === undefined) return this.#refuse(from, token, 'no-way');
    if (!this.#shared.seats.take(from)) return this.#refuse(from, token, 'full');
    const back = { label: this.#shared.labels.draw(), toLabel: frame.label };
    const t: Transit = { destination, previous: from, next, back, on: undefined, until: now };
    this.#keep(token, t, now);
    return [this.#backRule(t), this.#pass(t, frame)];
  }

  #refuse(from: PeerId, token: RelayToken, reason: EndReason): RelaysFx[] {
    return [{ kind: 'say', to: from, frame: { kind: 'end', token, reason, culprit: this.#shared.self } }];
  }

  #keep(token: RelayToken, t: Transit, now: Millis): void {
    this.#byToken.delete(token); // it goes to the end of the line
    this.#byToken.set(token, t);
    t.until = (now + FORGET_MS) as Millis;
  }

  #backRule({ back, previous, next }: Transit): RelaysFx {
    return { kind: 'relayRule', label: back.label, rule: { from: next, to: previous, toLabel: back.toLabel } };
  }

  #pass({ next, back }: Transit, frame: Setup): RelaysFx {
    const path = [...frame.path, this.#shared.self];
    return { kind: 'say', to: next, frame: { ...frame, label: back.label, path } };
  }

  #forget(token: RelayToken, t: Transit): RelaysFx[] {
    this.#byToken.delete(token);
    this.#shared.seats.release(t.previous);
    const labels = [t.back.label, ...(t.on === undefined ? [] : [t.on.label])];
    for (const label of labels) this.#shared.labels.release(label);
    return labels.map((label) => ({ kind: 'relayRule', label, rule: undefined }));
  }
}
