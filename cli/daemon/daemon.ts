// `mesh launch`: the one file that joins the router to the datapath, and both to the control socket and the disk.
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { isIpv6, parseHostPort } from '../../router/address.js';
import {
  CannotListen,
  createSwimMembership,
  Log,
  loadIdentity,
  nextIncarnation,
  openStore,
  PortInUse,
  raiseIncarnation,
  Router,
  Sockets,
  StateDir,
  StateDirError,
  type Identity,
  type NetworkEvent,
} from '../../router/index.js';
import type { DatapathReport, EndpointId, Ip, SocketAddress, Vni } from '../../router/types.js';
import { createDatapath, KernelError, networkMtu, underlayMtu, type Datapath } from '../../datapath/index.js';
import { EXIT, Failure, type Io } from '../command.js';
import { DEFAULT_PORT, type LaunchConfig } from '../options.js';
import { meshVersion } from '../version.js';
import { createAnnouncer } from './announcer.js';
import { Refused, serveControl } from './control.js';
import { DEFAULT_NETWORK, Endpoints } from './endpoints.js';
import { Exposures } from './exposures.js';
import { createPersistence, type Persistence } from './persistence.js';
import { routes } from './routes.js';
import { cacheFile, endpointsFile, targetsFile } from './state.js';

const DEFAULT_VNI = 6785 as Vni;
const DEFAULT_RANGE = '10.32.0.0/12';
const FALLBACK_UNDERLAY_MTU = 1500;
const REVIVE_EVERY_MS = 1_000;

/** All the parts of a running router. */
export interface Daemon {
  readonly config: LaunchConfig;
  readonly dir: StateDir;
  readonly identity: Identity;
  readonly incarnation: number;
  readonly log: Log;
  readonly router: Router;
  readonly datapath: Datapath;
  readonly endpoints: Endpoints;
  readonly exposures: Exposures;
  readonly persistence: Persistence;
  readonly addresses: () => readonly SocketAddress[];
  readonly startedAt: number;
  /** Ends the router; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  reset(): Promise<void>;
}

/** Runs a router in the foreground until it is stopped. @returns the exit code. @throws Failure before anything was changed */
export async function runRouter(config: LaunchConfig, io: Io): Promise<number> {
  const log = new Log({ format: config.logFormat, write: (line) => io.err(line.replace(/\n$/, '')) });
  let finish: (code: number) => void = () => undefined;
  const finished = new Promise<number>((resolve) => (finish = resolve));
  const daemon = await start(config, log, () => finish(EXIT.done)).catch((e: unknown) => {
    throw inWords(e);
  });
  const server = await serve(daemon, log).catch(async (e: unknown) => {
    await daemon.stop();
    throw inWords(e);
  });
  const onSignal = (): void => void daemon.stop().catch((e: unknown) => onBug(e, log, io, finish));
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process
    .on('uncaughtException', (e) => onBug(e, log, io, finish))
    .on('unhandledRejection', (e) => onBug(e, log, io, finish));
  log.write('launched', { name: config.name, id: daemon.identity.id, socket: config.socket });
  const code = await finished;
  server.close();
  process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  return code;
}

/** Our own fault: the kernel goes on forwarding, a supervisor starts us anew. */
function onBug(e: unknown, log: Log, io: Io, finish: (code: number) => void): void {
  log.write('bug', { message: (e as Error).message });
  if (io.env.MESH_DEBUG === '1') io.err((e as Error).stack ?? '');
  finish(EXIT.bug);
}

function inWords(e: unknown): unknown {
  if (e instanceof StateDirError || e instanceof PortInUse || e instanceof CannotListen || e instanceof Refused)
    return new Failure(EXIT.refused, e.message, e.remedy);
  if (!(e instanceof KernelError)) return e;
  if (e.errno === 'EPERM') return new Failure(EXIT.refused, 'it needs CAP_NET_ADMIN', 'sudo mesh launch');
  if (e.errno === 'EOPNOTSUPP')
    return new Failure(EXIT.refused, e.message, 'modprobe vxlan bridge, or a kernel that has them');
  return new Failure(EXIT.refused, e.message);
}

async function start(config: LaunchConfig, log: Log, onStopped: () => void): Promise<Daemon> {
  const dir = StateDir.open(config.stateDir);
  try {
    return await startIn(dir, config, log, onStopped);
  } catch (e) {
    dir.close();
    throw e;
  }
}

async function startIn(dir: StateDir, config: LaunchConfig, log: Log, onStopped: () => void): Promise<Daemon> {
  const startedAt = performance.now();
  const onDisk = dir.load(endpointsFile) ?? { endpoints: [], exposed: [] };
  const targets = dir.load(targetsFile) ?? { targets: [], remotes: new Map<never, never>() };
  const identity = loadIdentity(dir);

  let sink: (ev: NetworkEvent) => void = () => undefined;
  const network = new Sockets({
    port: config.port,
    sink: (ev) => sink(ev),
    ...(config.listen && { host: config.listen }),
  });
  await network.listen();
  const addresses = (): readonly SocketAddress[] =>
    (config.advertise.length > 0 ? config.advertise : network.localAddresses()).map((ip) => ({
      ip,
      port: config.port,
    }));

  let report: (r: DatapathReport) => void = () => undefined;
  const datapath = createDatapath({
    self: identity.id,
    vxlanPort: config.port + 2,
    local: localAddresses(config, network.localAddresses()),
    onReport: (r) => report(r),
    log: (event, fields) => log.write(event, fields),
  });
  try {
    await datapath.start();
  } catch (e) {
    await network.stop();
    throw e;
  }

  const incarnation = nextIncarnation(dir);
  const { store, claims, problem } = openStore({ self: identity.id, incarnation }, loadCache(dir, log));
  if (problem !== undefined) log.write('cache-unread', { reason: problem });
  const mtu = config.mtu ?? networkMtu((await underlayMtu(addresses().map((a) => a.ip))) ?? FALLBACK_UNDERLAY_MTU);
  const persistence = createPersistence(
    dir,
    {
      cache: () => store.save(),
      targets: () => ({
        targets: router.core.contacts.dialer.targets().map((t) => t.text),
        remotes: router.core.ledger.book.remotes(),
      }),
    },
    (e) => log.write('state-unsaved', { reason: (e as Error).message }),
  );
  const router = new Router(
    {
      self: identity.id,
      publicKey: identity.publicKey,
      name: config.name,
      incarnation,
      port: config.port,
      vxlanPort: config.port + 2,
      softwareVersion: meshVersion(),
      launch: randomBytes(8),
      addresses: addresses(),
      random: Math.random,
      store,
      claims,
      remotes: targets.remotes,
      network: {
        name: DEFAULT_NETWORK,
        definition: { vni: DEFAULT_VNI, mtu, range: config.range ?? (DEFAULT_RANGE as never) },
      },
      founds: config.peers.length === 0 && targets.targets.length === 0,
    },
    {
      network: (to) => {
        sink = to;
        return network;
      },
      membership: (hooks) => createSwimMembership({ self: identity.id, incarnation, hooks }),
      random: Math.random,
      hooks: {
        forward: (deltas) => datapath.apply(deltas),
        settled: () => datapath.settled(),
        persist: (what) => persistence.later(what),
        raiseIncarnation: (above) => {
          const raised = raiseIncarnation(dir, above);
          log.write('incarnation-raised', { incarnation: raised });
          return raised;
        },
        claimLost: (net, key, to) =>
          log.write('claim-lost', { network: net, address: key.slice(key.indexOf('/') + 1), peer: to }),
        log: (event, fields) => log.write(event, fields),
      },
    },
  );

  const announcer = createAnnouncer(router);
  const saveEndpoints = (change: Partial<typeof kept>): void => {
    kept = { ...kept, ...change };
    dir.saveSync(endpointsFile, kept);
  };
  let kept = onDisk;
  const endpoints = new Endpoints({
    self: identity.id,
    datapath,
    announcer,
    save: (list) => saveEndpoints({ endpoints: list }),
    log: (event, fields) => log.write(event, fields),
    now: () => performance.now(),
    hasNetwork: (name) => hasNetwork(router, name),
  });
  const exposures = new Exposures(datapath, announcer, (exposed) => saveEndpoints({ exposed }));
  report = (r) => onReport(r, router, endpoints);
  endpoints.restore(onDisk.endpoints);
  await exposures.restore(onDisk.exposed);
  router.start(addresses);
  for (const text of new Set([...targets.targets, ...config.peers])) dialLater(router, text);
  const rebuilt = endpoints.rebuild();
  const reviver = setInterval(() => void endpoints.revive(), REVIVE_EVERY_MS).unref();

  const end = once(async (state: 'stopped' | 'left') => {
    log.write(state === 'left' ? 'leaving' : 'stopping', {});
    clearInterval(reviver);
    await rebuilt;
    await router.stop(state);
    if (state === 'stopped') {
      await datapath.stop();
      await persistence.flush();
    } else {
      for (const id of endpoints.ids()) await datapath.endpointDelete(id);
      await datapath.reset();
      dir.erase();
    }
    dir.close();
    onStopped();
  });
  return {
    config,
    dir,
    identity,
    incarnation,
    log,
    router,
    datapath,
    endpoints,
    exposures,
    persistence,
    addresses,
    startedAt,
    stop: () => end('stopped'),
    reset: () => end('left'),
  };
}

const serve = (daemon: Daemon, log: Log): Promise<Server> =>
  serveControl(daemon.config.socket, routes(daemon), (e) =>
    log.write('bug', { message: (e as Error).message, stack: (e as Error).stack ?? '' }),
  );

function onReport(r: DatapathReport, router: Router, endpoints: Endpoints): void {
  switch (r.kind) {
    case 'path':
      return router.dispatch({ kind: 'report', report: r });
    case 'endpointGone':
      return endpoints.gone(r.id);
    case 'portMac': {
      const id = `port.${r.mac.replaceAll(':', '-')}` as EndpointId;
      if (!r.present) return router.dispatch({ kind: 'withdraw', id });
      return router.dispatch({
        kind: 'announce',
        fresh: true,
        endpoint: { id, network: r.network, mac: r.mac, ips: [] },
      });
    }
  }
}

/** The source of our VXLAN must be an address that this host has; one that is only advertised may be a NAT's. */
function localAddresses(config: LaunchConfig, own: readonly Ip[]): { v4?: Ip; v6?: Ip } {
  const ours = [...config.advertise.filter((ip) => own.includes(ip)), ...own];
  const [v4, v6] = [ours.find((ip) => !isIpv6(ip)), ours.find(isIpv6)];
  return { ...(v4 && { v4 }), ...(v6 && { v6 }) };
}

/** The cache is rebuilt by gossip: one that cannot be read is no reason not to start. */
function loadCache(dir: StateDir, log: Log): Uint8Array | undefined {
  try {
    return dir.load(cacheFile);
  } catch (e) {
    log.write('cache-unread', { reason: (e as Error).message });
    return undefined;
  }
}

function dialLater(router: Router, text: string): void {
  const split = parseHostPort(text, DEFAULT_PORT);
  if (split !== undefined) router.dispatch({ kind: 'connect', target: { text, ...split } });
}

const JOIN_WAIT_MS = 3_000;
const JOIN_POLL_MS = 25;

/** A router that was told of peers waits a moment for their definition; cut off, it goes on with its own. */
async function hasNetwork(router: Router, name: typeof DEFAULT_NETWORK): Promise<boolean> {
  for (let waited = 0; waited < JOIN_WAIT_MS && !router.core.isInMesh; waited += JOIN_POLL_MS)
    await new Promise((resolve) => setTimeout(resolve, JOIN_POLL_MS));
  return router.core.ledger.network(name) !== undefined;
}

function once<A>(work: (arg: A) => Promise<void>): (arg: A) => Promise<void> {
  let running: Promise<void> | undefined;
  return (arg) => (running ??= work(arg));
}
