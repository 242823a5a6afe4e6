// The router with what it stands on: its cache from the disk, its sockets, its clock, and whom it tells of what.
import { randomBytes, randomInt } from 'node:crypto';
import {
  createSwimMembership,
  ed25519,
  Incarnation,
  LAUNCH_BYTES,
  loadTrust,
  openStore,
  Router,
  systemClock,
  type Log,
  type NetworkEvent,
  type RouterHooks,
  type RouterOptions,
  type Sockets,
  type StateDir,
} from '../../router/index.js';
import type { Cidr, Vni } from '../../router/types.js';
import { networkMtu, underlayMtu, type Datapath } from '../../datapath/index.js';
import { meshVersion } from '../version.js';
import { DEFAULT_NETWORK } from './endpoints/request.js';
import type { Ground } from './ground.js';
import { createPersistence, type Persistence } from './persistence.js';
import { cacheFile, type TargetsOnDisk } from './state.js';

const DEFAULT_VNI = 6785 as Vni;
const DEFAULT_RANGE = '10.32.0.0/12' as Cidr;
const FALLBACK_UNDERLAY_MTU = 1500;

/** A sink for those who begin to speak before there is somebody to hear them. */
export class Later<E> {
  to: (ev: E) => void = () => undefined;
  readonly sink = (ev: E): void => this.to(ev);
}

export interface RouterParts {
  readonly addresses: () => RouterOptions['addresses'];
  readonly datapath: Datapath;
  readonly network: Sockets;
  /** What `network` tells. */
  readonly events: Later<NetworkEvent>;
}

/** A router that has not begun to speak, under an incarnation of its own. @throws StateDirError */
export async function createRouter(
  ground: Ground,
  parts: RouterParts,
): Promise<{ readonly router: Router; readonly persistence: Persistence; readonly incarnation: () => number }> {
  const { log, dir, identity } = ground;
  const unsaved = (e: unknown): void => log.write('state-unsaved', { reason: (e as Error).message });
  const kept = new Incarnation(dir, unsaved);
  const incarnation = kept.inForce;
  const signatures = ed25519(identity.privateKey, identity.publicKey);
  const { store, claims, problem } = openStore(
    { self: identity.id, incarnation, salt: randomInt(2 ** 30), signatures },
    loadCache(dir, log),
  );
  if (problem !== undefined) log.write('cache-unread', { reason: problem });
  const options = { ...(await routerOptions(ground, parts)), incarnation, store, claims };
  const router: Router = new Router(options, {
    network: (to) => {
      parts.events.to = to;
      return parts.network;
    },
    membership: (hooks) => createSwimMembership({ self: identity.id, incarnation, hooks, clock: systemClock }),
    random: Math.random,
    hooks: {
      ...routerHooks(ground, parts.datapath, (what) => persistence.later(what)),
      raiseIncarnation: (above) => {
        const raised = kept.raise(above);
        log.write('incarnation-raised', { incarnation: raised });
        return raised;
      },
    },
  });
  const cache = (): Uint8Array => {
    kept.save(); // whenever the disk is tried anyhow
    return store.save();
  };
  const read = { cache, targets: () => targetsOf(router) };
  const persistence = createPersistence(dir, read, unsaved);
  return { router, persistence, incarnation: () => kept.inForce };
}

async function routerOptions(
  { config, identity, secret, targets }: Ground,
  { addresses }: RouterParts,
): Promise<Omit<RouterOptions, 'incarnation' | 'store' | 'claims'>> {
  const mtu = config.mtu ?? networkMtu((await underlayMtu(addresses().map((a) => a.ip))) ?? FALLBACK_UNDERLAY_MTU);
  return {
    self: identity.id,
    trust: await loadTrust(identity),
    ...(secret.secrets && { secrets: secret.secrets }),
    name: config.name,
    port: config.port,
    vxlanPort: config.port + 2,
    ...(config.trusted && { trusted: config.trusted }),
    softwareVersion: meshVersion(),
    launch: randomBytes(LAUNCH_BYTES),
    addresses: addresses(),
    random: Math.random,
    remotes: targets.remotes,
    network: { name: DEFAULT_NETWORK, definition: { vni: DEFAULT_VNI, mtu, range: config.range ?? DEFAULT_RANGE } },
    founds: config.peers.length === 0 && targets.targets.length === 0,
  };
}

const routerHooks = (
  { log, secret }: Ground,
  datapath: Datapath,
  persist: RouterHooks['persist'],
): Omit<RouterHooks, 'raiseIncarnation'> => ({
  forward: (deltas) => datapath.apply(deltas),
  settled: () => datapath.settled(),
  idle: (peer, isIdle) => datapath.idle(peer, isIdle),
  persist,
  keepSecrets(secrets) {
    try {
      secret.keep(secrets);
    } catch (e) {
      log.write('state-unsaved', { reason: (e as Error).message });
    }
  },
  claimLost: (network, key, to) =>
    log.write('claim-lost', { network, address: key.slice(key.indexOf('/') + 1), peer: to }),
  log: (event, fields) => log.write(event, fields),
  session: (fx) => {
    if (fx.kind === 'session') datapath.session(fx.peer, fx);
    else if (fx.kind === 'sessionConfirmed') datapath.sessionConfirmed(fx.peer, fx.receiveIndex);
    else datapath.session(fx.peer, undefined);
  },
  relay: (fx) => {
    if (fx.kind === 'relayWay') datapath.relayWay(fx.peer, fx.way);
    else datapath.relayRule(fx.label, fx.rule);
  },
});

const targetsOf = (router: Router): TargetsOnDisk => ({
  targets: router.core.contacts.dialer.targets().map((t) => t.text),
  remotes: router.core.ledger.book.remotes(),
});

/** The cache is rebuilt by gossip: one that cannot be read is no reason not to start. */
function loadCache(dir: StateDir, log: Log): Uint8Array | undefined {
  try {
    return dir.load(cacheFile);
  } catch (e) {
    log.write('cache-unread', { reason: (e as Error).message });
    return undefined;
  }
}
