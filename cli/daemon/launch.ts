// From a configuration to a running router: the one file that joins the router to the datapath, and both to the control
// socket and the disk. What can be refused is looked at before anything is changed, and in that order.
import { isIpv6, parseHostPort } from '../../router/address.js';
import { PortInUse, Sockets, type Identity, type Log, type NetworkEvent, type Router } from '../../router/index.js';
import type { DatapathReport, EndpointId, Ip, SocketAddress } from '../../router/types.js';
import { createDatapath, type Datapath, type DatapathConfig, type DatapathDeps } from '../../datapath/index.js';
import { DEFAULT_PORT, type LaunchConfig } from '../options.js';
import { eraseRouterLog } from '../router-log.js';
import { Refused, type Control } from './control.js';
import { createRouter, Later, type RouterParts } from './create-router.js';
import { createAnnouncer } from './endpoints/announcer.js';
import { Endpoints } from './endpoints/endpoints.js';
import { Exposures } from './endpoints/exposures.js';
import { Holdings } from './endpoints/holdings.js';
import { resolveTarget } from './endpoints/targets.js';
import { takeGround, type Ground, type Undo } from './ground.js';
import type { MeshSecret } from './mesh-secret.js';
import { endpointsKeeper } from './persistence.js';
import { createSessionRequests, type SessionReport } from './sessions.js';

const REVIVE_EVERY_MS = 1_000;

/** All the parts of a running router. */
export interface Daemon {
  readonly config: LaunchConfig;
  readonly identity: Identity;
  readonly secret: MeshSecret;
  /** The one in force. */
  readonly incarnation: () => number;
  readonly router: Router;
  readonly datapath: Datapath;
  readonly endpoints: Endpoints;
  readonly exposures: Exposures;
  readonly control: Control;
  readonly addresses: () => readonly SocketAddress[];
  /** `performance.now()` at launch. */
  readonly startedAt: number;
  /** Ends the router; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  /** As `stop`, but the mesh is left and every trace removed. */
  reset(): Promise<void>;
}

/**
 * @param onStopped called once, when `stop` or `reset` has ended
 * @param deps what a test brings in place of a part of the datapath
 * @throws StateDirError, Refused, PortInUse, CannotListen, KernelError; then nothing was changed
 */
export async function launchRouter(
  config: LaunchConfig,
  log: Log,
  onStopped: () => void,
  deps: Partial<DatapathDeps> = {},
): Promise<Daemon> {
  const undo: Undo = [];
  try {
    return await launchOn(await takeGround(config, log, undo), undo, onStopped, deps);
  } catch (e) {
    for (const step of undo.reverse()) await step();
    throw e;
  }
}

async function launchOn(
  ground: Ground,
  undo: Undo,
  onStopped: () => void,
  deps: Partial<DatapathDeps>,
): Promise<Daemon> {
  const startedAt = performance.now();
  const reports = new Later<DatapathReport>();
  const parts = await openNetwork(ground, reports, undo, deps);
  const { router, persistence, incarnation } = await createRouter(ground, parts);
  const { endpoints, exposures } = createEndpoints(ground, router, parts.datapath);
  const askForSessions = createSessionRequests(router);
  reports.to = (r) => onReport(r, router, endpoints, askForSessions);
  await endpoints.restore(ground.endpoints.endpoints);
  await exposures.restore(ground.endpoints.exposed);
  router.start(parts.addresses);
  for (const text of new Set([...ground.targets.targets, ...ground.config.peers])) dial(router, text);
  const rebuilt = endpoints.rebuild();
  const reviver = setInterval(() => void endpoints.revive(), REVIVE_EVERY_MS).unref();
  const { config, identity, secret, control } = ground;
  const { datapath, addresses } = parts;
  const daemon = {
    config,
    identity,
    secret,
    incarnation,
    router,
    datapath,
    endpoints,
    exposures,
    control,
    addresses,
    startedAt,
  };
  const end = once(async (state: 'stopped' | 'left') => {
    clearInterval(reviver);
    await endRouter(ground, daemon, rebuilt, state);
    if (state === 'stopped') await persistence.flush();
    else {
      await persistence.drop();
      eraseRouterLog(ground.config.stateDir);
      ground.dir.erase();
    }
    ground.dir.close();
    onStopped();
  });
  return { ...daemon, stop: () => end('stopped'), reset: () => end('left') };
}

/** Listens, and makes sure that the kernel lets us forward. */
async function openNetwork(
  { config, identity, log, isNew }: Ground,
  reports: Later<DatapathReport>,
  undo: Undo,
  deps: Partial<DatapathDeps>,
): Promise<RouterParts> {
  const { listen: host, port, advertise } = config;
  const events = new Later<NetworkEvent>();
  const network = new Sockets({ port, sink: events.sink, ...(host && { host }) });
  await network.listen();
  undo.push(() => network.stop());
  const place: DatapathConfig = {
    self: identity.id,
    vxlanPort: port + 2,
    local: vxlanSources(config, network.localAddresses()),
    overlay: config.overlay,
    ...(config.trusted && { trusted: config.trusted }),
    onReport: reports.sink,
    log: (event, fields) => log.write(event, fields),
  };
  const datapath = createDatapath(place, deps);
  await datapath.start();
  undo.push(() => (isNew ? datapath.reset() : datapath.stop()));
  const probe = datapath.snapshot().capabilities.find((c) => c.name === 'probe');
  if (probe?.reason.includes('EADDRINUSE') === true) throw new PortInUse('udp', port + 2);
  const addresses = (): readonly SocketAddress[] =>
    (advertise.length > 0 ? advertise : network.localAddresses()).map((ip) => ({ ip, port }));
  return { addresses, datapath, network, events };
}

/** @param rebuilt an endpoint half made must not outlive us */
async function endRouter(
  { log, control }: Ground,
  { router, datapath, endpoints, exposures }: Pick<Daemon, 'router' | 'datapath' | 'endpoints' | 'exposures'>,
  rebuilt: Promise<void>,
  state: 'stopped' | 'left',
): Promise<void> {
  log.write(state === 'left' ? 'leaving' : 'stopping', {});
  const why = state === 'left' ? 'the router is leaving the mesh' : 'the router is stopping';
  control.refuse(why);
  await Promise.all([rebuilt, endpoints.close(new Refused(why)), exposures.close(new Refused(why))]);
  await router.stop(state);
  if (state === 'stopped') return datapath.stop();
  for (const id of endpoints.ids()) await datapath.endpointDelete(id);
  return datapath.reset();
}

function createEndpoints(
  ground: Ground,
  router: Router,
  datapath: Datapath,
): { readonly endpoints: Endpoints; readonly exposures: Exposures } {
  const keeper = endpointsKeeper(ground.dir, ground.endpoints);
  const world = {
    self: ground.identity.id,
    datapath,
    announcer: createAnnouncer(router),
    holdings: new Holdings(),
    log: (event: string, fields: Readonly<Record<string, string | number>>) => ground.log.write(event, fields),
    resolve: resolveTarget,
    now: () => performance.now(),
  };
  return {
    endpoints: new Endpoints({ ...world, save: keeper.endpoints }),
    exposures: new Exposures({ ...world, save: keeper.exposed }),
  };
}

function onReport(
  r: DatapathReport,
  router: Router,
  endpoints: Endpoints,
  askForSessions: (report: SessionReport) => void,
): void {
  switch (r.kind) {
    case 'sessionWanted':
    case 'sessionWorn':
      return askForSessions(r);
    case 'peerWanted':
    case 'relayWanted':
    case 'relayFailed':
      return router.dispatch(r);
    case 'path':
      return router.dispatch({ kind: 'report', report: r });
    case 'endpointGone':
      return endpoints.gone(r.id);
    case 'portMac': {
      const id = `port.${r.network}.${r.mac.replaceAll(':', '-')}` as EndpointId;
      if (!r.present) return router.dispatch({ kind: 'withdraw', id });
      const endpoint = { id, network: r.network, mac: r.mac, ips: [] };
      return router.dispatch({ kind: 'announce', fresh: true, endpoint });
    }
  }
}

/** The source of our VXLAN must be an address that this host has; one that is only advertised may be a NAT's. @throws Refused */
function vxlanSources(config: LaunchConfig, own: readonly Ip[]): { readonly v4?: Ip; readonly v6?: Ip } {
  const ours = [...config.advertise.filter((ip) => own.includes(ip)), ...own];
  const [v4, v6] = [ours.find((ip) => !isIpv6(ip)), ours.find(isIpv6)];
  if (v4 === undefined && v6 === undefined)
    throw new Refused('this host has no address that other hosts can reach', 'ip -brief address');
  return { ...(v4 && { v4 }), ...(v6 && { v6 }) };
}

function dial(router: Router, text: string): void {
  const split = parseHostPort(text, DEFAULT_PORT);
  if (split !== undefined) router.dispatch({ kind: 'connect', target: { text, ...split } });
}

function once<A>(work: (arg: A) => Promise<void>): (arg: A) => Promise<void> {
  let running: Promise<void> | undefined;
  return (arg) => (running ??= work(arg));
}
