// Members that lie, and members that are put out of the mesh.
import type { Mac, PeerId } from '../../../router/types.js';
import {
  decodeBlock,
  encodeBlock,
  MAX_SEQ,
  peekBlock,
  SIGNATURE_BYTES,
  type Block,
} from '../../../router/wire/block.js';
import { decodePeer, encodeIp, encodeMac, encodePeer, ipKey, macKey, PEER_KEY } from '../../../router/wire/records.js';
import { encodeFrame, FrameType } from '../../../router/wire/stream.js';
import { NETWORK, type World, type WorldHost } from '../world.js';
import type { Forgery } from './scenario.js';

const STOLEN_MAC = '02:00:00:00:66:66' as Mac;
const STOLEN_IP = '10.32.0.1';
const HOARDED = 400;

export class Malice {
  /** Who ever forged. */
  readonly forgers = new Set<PeerId>();
  /** Whom operators put out, in order; whether anybody knows of it is another matter. */
  readonly #evicted: PeerId[] = [];
  readonly #world: World;
  /** What was claimed under the forger's own name: `id key`. */
  readonly #usurped = new Set<string>();
  /** Genuine blocks, by forger and owner, as they once were. */
  readonly #hoards = new Map<string, Uint8Array[]>();

  constructor(world: World) {
    this.#world = world;
  }

  evict(by: WorldHost, { id }: WorldHost): void {
    this.#evicted.push(id);
    by.router.dispatch({ kind: 'evict', peer: id });
  }

  /**
   * Those of whose eviction somebody knows who runs and is not out himself: a word that was lost with the host that said it puts
   * nobody out. Who is evicted evicts nobody here, so whoever made a later one out is known before an earlier one is looked at.
   */
  out(): ReadonlySet<PeerId> {
    const out = new Set<PeerId>();
    for (const id of [...this.#evicted].reverse())
      if (this.#world.running().some((h) => h.id !== id && !out.has(h.id) && h.router.core.ledger.isEvicted(id)))
        out.add(id);
    return out;
  }

  get hasEvicted(): boolean {
    return this.#evicted.length > 0;
  }

  hasUsurped(owner: PeerId, key: string): boolean {
    return this.#usurped.has(`${owner} ${key}`);
  }

  /** @param takes is told which keys the forger takes under its own name, before it does. @returns was there anything to forge? */
  forge(forger: WorldHost, about: WorldHost, how: Forgery, takes: (keys: readonly string[]) => void): boolean {
    const genuine = blocksOf(forger, about.id);
    const hoard = this.#hoard(forger, about, genuine);
    if (genuine.length === 0) return false;
    this.forgers.add(forger.id);
    switch (how) {
      case 'old':
        sendToAll(forger, hoard);
        return true;
      case 'altered':
      case 'erased':
      case 'extended': {
        const block = forged[how](forger, about, genuine.at(-1)!);
        sendToAll(forger, [block]);
        return true;
      }
      case 'usurped':
        this.#usurp(forger, about, takes);
        return true;
      case 'renamed':
        rename(forger, about);
        return true;
    }
  }

  #hoard(forger: WorldHost, about: WorldHost, blocks: readonly Uint8Array[]): readonly Uint8Array[] {
    const key = `${forger.id} ${about.id}`;
    const known = new Set((this.#hoards.get(key) ?? []).map(textOf));
    const hoard = [...(this.#hoards.get(key) ?? []), ...blocks.filter((b) => !known.has(textOf(b)))].slice(-HOARDED);
    this.#hoards.set(key, hoard);
    return hoard;
  }

  /** It may: what a member claims in its own name is its own lie. */
  #usurp(forger: WorldHost, about: WorldHost, takes: (keys: readonly string[]) => void): void {
    const { core } = forger.router;
    const keys = [...core.options.store.records(about.id, NETWORK)].map((r) => r.key);
    takes(keys);
    for (const key of keys) {
      this.#usurped.add(`${forger.id} ${key}`);
      core.ledger.put(NETWORK, key, key.startsWith('mac/') ? encodeMac() : encodeIp({ mac: STOLEN_MAC }), MAX_SEQ);
    }
    forger.router.dispatch({ kind: 'tick' });
  }
}

/** It may: names are labels. */
function rename({ router: { core }, id }: WorldHost, { name }: WorldHost): void {
  const said = core.options.store.get(id, 'core', PEER_KEY);
  const record = said === undefined ? 'none' : decodePeer(said.value);
  if (typeof record !== 'string') core.ledger.put('core', PEER_KEY, encodePeer({ ...record, name }), 0);
}

/** Of the network's stream of `about`; `last` is its newest block. */
type Forge = (forger: WorldHost, about: WorldHost, last: Uint8Array) => Uint8Array;

const forged: Readonly<Record<'altered' | 'erased' | 'extended', Forge>> = {
  /** Withdraws what it said, with its signature. */
  altered: (_, __, last) => {
    const block = decode(last);
    const records = block.records.map((r) => ({ ...r, value: undefined }));
    return encodeBlock({ ...block, records }, () => last.slice(-SIGNATURE_BYTES));
  },
  /** Has nothing any more, says a base that the forger signed. */
  erased: (forger, about) => {
    const { publicKey } = about.signatures;
    const version = headAt(forger, about) + 1;
    const block: Block = { kind: 'base', owner: about.id, topic: NETWORK, version, part: 0, parts: 1, publicKey, records: [] }; // prettier-ignore
    return encodeBlock(block, forger.signatures.sign);
  },
  /** Has another's address, says an increment that the forger signed. */
  extended: (forger, about) => {
    const prev = headAt(forger, about);
    const records = [
      { key: ipKey(STOLEN_IP as never), seq: MAX_SEQ, value: encodeIp({ mac: STOLEN_MAC }) },
      { key: macKey(STOLEN_MAC), seq: MAX_SEQ, value: encodeMac() },
    ];
    const block: Block = { kind: 'increment', owner: about.id, topic: NETWORK, version: prev + records.length, prev, records }; // prettier-ignore
    return encodeBlock(block, forger.signatures.sign);
  },
};

const headAt = ({ router }: WorldHost, { id }: WorldHost): number => router.core.options.store.head(id, NETWORK);

/** What `at` has of the network's stream of `owner`, oldest first. */
function blocksOf({ router }: WorldHost, owner: PeerId): readonly Uint8Array[] {
  const isOf = (bytes: Uint8Array): boolean => {
    const head = peekBlock(bytes);
    return head?.owner === owner && head.topic === NETWORK;
  };
  return [...router.core.options.store.missingFor([])].filter(isOf);
}

function decode(bytes: Uint8Array): Block {
  const block = decodeBlock(bytes);
  if (typeof block === 'string') throw new Error(`a block in a store does not decode: ${block}`);
  return block;
}

function sendToAll({ router }: WorldHost, blocks: readonly Uint8Array[]): void {
  const { connections } = router.core;
  for (const peer of connections.peers)
    for (const block of blocks)
      for (const fx of connections.send(peer, encodeFrame(FrameType.block, block)))
        if (fx.kind === 'send') router.network.send(fx.conn, fx.bytes);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
