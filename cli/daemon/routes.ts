// The control socket's routes: each takes a request apart, calls what does it, and answers in the words of cli/api.ts.
import { formatSocketAddress, parseHostPort } from '../../router/address.js';
import type { NetworkName, PeerId } from '../../router/types.js';
import { snapshotRouter } from '../../router/index.js';
import type { EndpointRequest, StatusDocument } from '../api.js';
import { DEFAULT_PORT } from '../options.js';
import { meshVersion } from '../version.js';
import { Refused, type Handler, type Routes } from './control.js';
import { parseNetwork } from './endpoints/request.js';
import { joinAddress, refuseSecret, secretDocument, takeSecret } from './give-way.js';
import { requestFailure } from './failures.js';
import type { Daemon } from './launch.js';
import { nextSecret, rotationStatus } from './rotate.js';
import { statusDocument } from './status.js';

type Body = Readonly<Record<string, unknown>>;
type Answer = { readonly peer: string; readonly refused?: string; readonly note?: string };

export const routes = (d: Daemon): Routes =>
  Object.fromEntries(Object.entries(handlers(d)).map(([route, handler]) => [route, inWords(handler)]));

/** What the kernel or the disk refuses is a refusal of ours. */
const inWords =
  (handler: Handler): Handler =>
  async (...request) => {
    try {
      return await handler(...request);
    } catch (e) {
      throw requestFailure(e);
    }
  };

const handlers = (d: Daemon): Routes => ({
  'GET /v1/status': (_, __, query) => document(d, query.get('macs') === '1'),
  'GET /v1/report': () => ({
    ...document(d, true),
    report: {
      node: process.version,
      memory: process.memoryUsage(),
      store: d.router.core.options.store.stats(),
      datapath: d.datapath.snapshot(),
    },
  }),
  'POST /v1/connect': async (body) => {
    const { secret } = optional(body, 'secret');
    if (secret !== undefined) await takeSecret(d, secret);
    const results = await Promise.all(texts(body, 'peers').map((peer) => connect(d, peer)));
    if (results.every(({ refused }) => refused !== undefined)) refuseSecret(d);
    return { results };
  },
  'GET /v1/secret': () => secretDocument(d),
  'POST /v1/forget': (body) => ({ results: texts(body, 'peers').map((peer) => forget(d, peer)) }),
  'POST /v1/secret/rotate': async (body) => {
    const order = await nextSecret(d, optional(body, 'secret').secret);
    order();
    return secretDocument(d);
  },
  'POST /v1/evict': async (body) => {
    const order = body['rotate'] === true ? await nextSecret(d, optional(body, 'secret').secret) : undefined;
    const results = texts(body, 'peers').map((peer) => evict(d, peer, order !== undefined));
    if (results.some(({ refused }) => refused === undefined)) order?.();
    return { results };
  },
  'GET /v1/endpoints': () => ({ endpoints: d.endpoints.list() }),
  'PUT /v1/endpoints/*': (body, id) => d.endpoints.create(id, spec(body)),
  'POST /v1/endpoints/*/join': async (body, id) => ({
    endpoint: await d.endpoints.join(id, {
      ...optional(body, 'target'),
      ...optional(body, 'netns'),
      ...optional(body, 'ifname'),
    }),
  }),
  'POST /v1/endpoints/*/leave': async (_, id) => ({ endpoint: await d.endpoints.leave(id) }),
  'DELETE /v1/endpoints/*': async (_, id) => ({ existed: await d.endpoints.delete(id) }),
  'POST /v1/attach': (body) =>
    d.endpoints.attach({
      ...spec(body),
      target: text(body, 'target'),
      ...optional(body, 'ifname'),
      ...optional(body, 'id'),
    }),
  'POST /v1/detach': async (body) => ({
    detached: await d.endpoints.detach(text(body, 'target'), {
      ...optional(body, 'network'),
      ...optional(body, 'ifname'),
      ips: texts(body, 'ips'),
    }),
  }),
  'POST /v1/expose': async (body) => ({ ips: await d.exposures.expose(network(body), texts(body, 'ips')) }),
  'POST /v1/hide': async (body) => ({ ips: await d.exposures.hide(network(body), texts(body, 'ips')) }),
  'POST /v1/stop': () => void setImmediate(() => void d.stop()),
  'POST /v1/reset': (body) => reset(d, body['force'] === true),
});

function document(d: Daemon, withMacs: boolean): StatusDocument {
  const { identity, incarnation, config } = d;
  const self: StatusDocument['self'] = {
    id: identity.id,
    name: config.name,
    incarnation: incarnation(),
    port: config.port,
    endpoints: d.addresses().map(formatSocketAddress),
    uptimeMs: Math.round(performance.now() - d.startedAt),
    overlay: config.overlay,
    stateDir: config.stateDir,
    trust: d.secret.text === undefined ? 'open' : 'sealed',
  };
  const sources = {
    router: d.router,
    datapath: d.datapath.snapshot(),
    endpoints: d.endpoints.list(),
    exposed: d.exposures.list(),
    self,
    version: meshVersion(),
    rotation: rotationStatus(d),
    joinAt: joinAddress(d),
    counters: d.router.network.counters(),
  };
  return statusDocument(sources, withMacs);
}

async function connect(d: Daemon, peer: string): Promise<Answer> {
  const outcome = await d.router.connect(peer, DEFAULT_PORT);
  return {
    peer,
    ...(outcome.refused !== undefined && { refused: outcome.refused }),
    ...(outcome.note !== undefined && { note: outcome.note }),
  };
}

/** A name, an id or the beginning of one, an address of a peer's, or a target as it was typed. */
function forget(d: Daemon, word: string): Answer {
  const { book } = d.router.core.ledger;
  const targets = d.router.core.contacts.dialer.targets();
  const target = targets.find((t) => t.text === word);
  const fits = target?.peer === undefined ? book.ids().filter((id) => isCalled(d, id, word)) : [target.peer];
  if (fits.length > 1) return { peer: word, refused: `${fits.length} peers are called so; use an id` };
  const [peer] = fits;
  if (peer === undefined && target === undefined) return { peer: word, refused: 'no peer and no target is called so' };
  const state = peer && book.get(peer)?.state;
  if (state === 'alive' || state === 'suspect')
    return { peer: word, refused: `it is ${state}; stop or reset it there first` };
  for (const t of targets)
    if (t === target || (peer !== undefined && t.peer === peer))
      d.router.dispatch({ kind: 'forgetTarget', text: t.text });
  if (peer !== undefined) d.router.dispatch({ kind: 'forgetPeer', peer });
  return { peer: word };
}

/** Alive or not: it is out at once, and cannot come back with its key. */
function evict(d: Daemon, word: string, rotates: boolean): Answer {
  const { ledger, self } = d.router.core;
  const isSelf = word === d.config.name || (word.length >= 4 && self.startsWith(word));
  const fits = ledger.book.ids().filter((id) => isCalled(d, id, word));
  if (fits.length + Number(isSelf) > 1) return { peer: word, refused: 'several peers are called so; use an id' };
  if (isSelf) return { peer: word, refused: 'it is this router itself, which leaves by: mesh reset' };
  const [peer] = fits;
  if (peer === undefined) return { peer: word, refused: 'no peer is called so' };
  d.router.dispatch({ kind: 'evict', peer });
  return { peer: word, ...(!rotates && { note: d.secret.text === undefined ? OPEN_TO_IT : KNOWS_THE_SECRET }) };
}

const KNOWS_THE_SECRET =
  'it is out for good, but it knows the secret and can join with a new key until that is changed: mesh secret rotate';
const OPEN_TO_IT = 'it is out for good, but this mesh is open and it can join with a new key';

function isCalled(d: Daemon, id: PeerId, word: string): boolean {
  const { book } = d.router.core.ledger;
  const at = parseHostPort(word, DEFAULT_PORT);
  const isPrefix = word.length >= 4 && /^[0-9a-f]+$/.test(word) && id.startsWith(word);
  return (
    isPrefix || book.name(id) === word || book.controlAddresses(id).some((a) => a.ip === at?.host && a.port === at.port)
  );
}

/** @throws Refused unless forced, where somebody would lose the network, or nobody would hear the farewell */
function reset(d: Daemon, force: boolean): void {
  const attached = d.endpoints.list().filter((e) => e.state !== 'gone').length;
  if (attached > 0 && !force)
    throw new Refused(
      `${attached} endpoint${attached === 1 ? ' is' : 's are'} attached and would lose the network`,
      'mesh reset --force',
    );
  const peers = snapshotRouter(d.router.core, d.router.now).peers.filter((p) => p.state !== 'left');
  if (peers.length > 0 && !force && d.router.core.connections.count === 0)
    throw new Refused(
      `none of its ${peers.length} peers can be told, and they would keep its addresses`,
      'mesh reset --force',
    );
  setImmediate(() => void d.reset());
}

const spec = (body: Body): EndpointRequest => ({
  ...optional(body, 'network'),
  ...optional(body, 'mac'),
  ...(body['ips'] !== undefined && { ips: texts(body, 'ips') }),
  ...(body['allowSpoof'] !== undefined && { allowSpoof: flag(body, 'allowSpoof') }),
});

const network = (body: Body): NetworkName => parseNetwork(optional(body, 'network').network);

function text(body: Body, field: string): string {
  const value = body[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new Refused(`"${field}" is missing`, undefined, 400);
}

function flag(body: Body, field: string): boolean {
  const value = body[field];
  if (typeof value === 'boolean') return value;
  throw new Refused(`"${field}" is neither true nor false`, undefined, 400);
}

function optional<F extends string>(body: Body, field: F): { readonly [K in F]?: string } {
  const value = body[field];
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { [field]: value } as { readonly [K in F]?: string };
  throw new Refused(`"${field}" is not a text`, undefined, 400);
}

function texts(body: Body, field: string): readonly string[] {
  const value = body[field] ?? [];
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return value;
  throw new Refused(`"${field}" is not a list of texts`, undefined, 400);
}
