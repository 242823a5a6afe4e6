// What routers hold of one another.
import { createHash } from 'node:crypto';
import type { PeerId } from '../../../../router/types.js';
import { incarnationOf } from '../../../../router/gossip/store.js';
import { decodeGone, parseKey } from '../../../../router/wire/records.js';
import type { WorldHost } from '../../world.js';
import type { Life } from '../life.js';
import { firstOf, type Invariant } from './invariant.js';

export const digestsAgree: Invariant = {
  name: 'all hold the same records',
  withinMs: 30_000,
  broken: (life) => {
    const [first, ...others] = life.running();
    const digest = (h: WorldHost): string => Buffer.from(h.router.core.options.store.digest()).toString('hex');
    return firstOf(others, (h) => {
      if (digest(h) === digest(first!)) return undefined;
      return `${h.name} and ${first!.name} hold different records: ${streamsThatDiffer(life, h, first!).join(', ')}`;
    });
  },
};

function streamsThatDiffer(life: Life, a: WorldHost, b: WorldHost): readonly string[] {
  const [x, y] = [a.router.core.options.store, b.router.core.options.store];
  const owners = new Set([...x.owners(), ...y.owners()]);
  return [...owners].flatMap((owner) => {
    const topics = new Set([...x.topics(owner), ...y.topics(owner)]);
    return [...topics]
      .filter((topic) => x.head(owner, topic) !== y.head(owner, topic))
      .map((topic) => `${life.world.nameOf(owner)}/${topic} ${x.head(owner, topic)} and ${y.head(owner, topic)}`);
  });
}

/** Where the heads are the same so is every record: no version was ever written twice. */
export const versionsMeanOneThing: Invariant = {
  name: 'one version of a stream is one content everywhere',
  withinMs: 30_000,
  broken: (life) => {
    const seen = new Map<string, { readonly content: string; readonly by: string }>();
    return firstOf(life.running(), (h) =>
      firstOf(contents(h), ([stream, content]) => {
        const other = seen.get(stream);
        if (other === undefined) seen.set(stream, { content, by: h.name });
        if (other === undefined || other.content === content) return undefined;
        return `${h.name} and ${other.by} have different records in ${stream}`;
      }),
    );
  },
};

/** Of others' streams: its own may be ahead of what it has told. */
function contents({ id, router }: WorldHost): ReadonlyMap<string, string> {
  const { store } = router.core.options;
  const records = new Map<string, string[]>();
  for (const { owner, topic, key, seq, value } of store.everything()) {
    if (owner === id) continue;
    const stream = `${owner} ${topic} ${store.head(owner, topic)}`;
    const list = records.get(stream) ?? [];
    list.push(`${key} ${seq} ${value === undefined ? 'gone' : Buffer.from(value).toString('hex')}`);
    records.set(stream, list);
  }
  return new Map(
    [...records].map(([stream, list]) => [stream, createHash('sha256').update(list.sort().join()).digest('hex')]),
  );
}

export const membersAgree: Invariant = {
  name: 'who runs is alive to all, who does not is not',
  withinMs: 30_000,
  broken: (life) =>
    firstOf(life.running(), (h) => {
      const { book } = h.router.core.ledger;
      const here = new Set(life.running().map(({ id }) => id));
      return firstOf(new Set([...here, ...book.ids()]), (peer) => {
        const entry = book.get(peer);
        if (!here.has(peer) && entry?.record === undefined && entry?.member === undefined) return undefined; // an address
        const state = entry?.state;
        const isRight = here.has(peer) ? state === 'alive' : state !== 'alive' && state !== 'suspect';
        return isRight || peer === h.id
          ? undefined
          : `${life.world.nameOf(peer)} is ${state ?? 'unknown'} to ${h.name}`;
      });
    }),
};

/** Of a peer that is gone, nobody keeps what it wrote before it went. A stream without a head is a later block that waits. */
export const gonePeersArePurged: Invariant = {
  name: 'what a peer wrote before it was gone is kept nowhere',
  withinMs: 30_000,
  broken: (life) => {
    const gone = new Map<PeerId, number>();
    for (const h of life.running())
      for (const [key, winner] of h.router.core.ledger.claims.holders('core')) {
        const parsed = parseKey(key);
        const record = parsed?.kind === 'gone' ? decodeGone(winner.value) : 'none';
        if (parsed?.kind !== 'gone' || typeof record === 'string') continue;
        gone.set(parsed.peer, Math.max(record.incarnation, gone.get(parsed.peer) ?? 0));
      }
    return firstOf(life.running(), ({ name, router }) =>
      firstOf(gone, ([peer, incarnation]) => {
        const { store } = router.core.options;
        const isOld = (head: number): boolean => head > 0 && incarnationOf(head) <= incarnation;
        const kept = store.topics(peer).find((topic) => isOld(store.head(peer, topic)));
        return kept && `${name} keeps ${kept} of ${life.world.nameOf(peer)}, which is gone since launch ${incarnation}`;
      }),
    );
  },
};
