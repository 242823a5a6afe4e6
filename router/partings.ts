// Connections that one side ends for good: the last frame to the peer, and what follows for those who would dial it again.
import type { Connection, ConnectionFx } from './connection/connections.js';
import { TURNED_AWAY } from './farewells.js';
import type { Outbox } from './outbox.js';
import type { RouterCore } from './router.js';
import type { Millis, PeerId } from './types.js';

type Refused = ConnectionFx & { readonly kind: 'refused' };

type Parts = Pick<
  RouterCore,
  'connections' | 'contacts' | 'farewells' | 'keptOut' | 'ledger' | 'strangers' | 'countDrop'
>;

export class Partings {
  readonly #parts: Parts;
  readonly #out: Outbox;
  readonly #perform: (fx: readonly ConnectionFx[], now: Millis) => void;

  /** @param perform what is to be done about connections */
  constructor(parts: Parts, out: Outbox, perform: (fx: readonly ConnectionFx[], now: Millis) => void) {
    this.#parts = parts;
    this.#out = out;
    this.#perform = perform;
  }

  /** A stream that never became a connection. @param ways how many secrets there are to dial with */
  refused({ conn, reason, why, caller, dialled }: Refused, ways: number, now: Millis): void {
    const { contacts, keptOut, strangers } = this.#parts;
    const isOfSecret = why === 'secret' || why === 'former';
    if (isOfSecret && contacts.dialer.tryNextSecret(conn, ways, now)) return;
    if (why === 'former' && dialled !== undefined) this.#out.pushAll(keptOut.by(dialled, now));
    this.#out.pushAll(contacts.refused(conn, reason, why, now));
    if (caller !== undefined && why !== 'failed') this.#out.pushAll(strangers.refused(caller, reason, now));
  }

  /** It may dial for ever, and is told why each time. It was up for nobody but `connections`. */
  turnAway({ conn, peer }: Connection, why: keyof typeof TURNED_AWAY, now: Millis): void {
    const { connections, contacts } = this.#parts;
    const [frame, reason] = TURNED_AWAY[why];
    this.#perform(connections.send(peer, frame), now);
    connections.drop(peer, reason).forEach((fx) => fx.kind === 'close' && this.#out.push(fx));
    this.#out.pushAll(contacts.refused(conn, reason, why, now));
    this.#parts.countDrop(`stream-${why}`);
  }

  /** Says this last, and ends the connection, if there is one. */
  part(peer: PeerId, frame: Uint8Array, reason: string, now: Millis): void {
    const { connections } = this.#parts;
    this.#perform(connections.send(peer, frame), now);
    this.#perform(connections.drop(peer, reason), now);
  }

  /** A neighbour parts from us, and says why. @returns why that is dropped */
  heard(from: PeerId, body: Uint8Array, now: Millis): string | undefined {
    const { connections, contacts, farewells, keptOut, ledger } = this.#parts;
    const name = ledger.book.name(from);
    const refuse = farewells.heard(name, body, now);
    if (typeof refuse === 'string') return `refuse-${refuse}`;
    const { code, sentence } = refuse;
    if (code === 'final' || code === 'former') contacts.dialer.turnedAway(from, sentence);
    const at = connections.of(from)?.remote;
    if (code === 'former' && at !== undefined) this.#out.pushAll(keptOut.by(at, now));
    this.#out.log('turned-away', { peer: name, id: from, reason: sentence });
    return undefined;
  }
}
