// A real router without a data plane, for a process of the bench.
import { randomBytes } from 'node:crypto';
import {
  systemClock,
  createSwimMembership,
  ed25519,
  LAUNCH_BYTES,
  loadIdentity,
  loadTrust,
  nextIncarnation,
  openStore,
  Router,
  StateDir,
} from '../../router/index.js';
import type { NetworkEvent, RouterHooks, Sockets } from '../../router/index.js';
import { parseHostPort } from '../../router/address.js';
import { meshKeys, OPEN_KEYS, rootOf, type MeshKeys } from '../../router/trust/mesh-keys.js';
import { parseSecret } from '../../router/trust/secret.js';
import type { NetworkName, SocketAddress, Vni } from '../../router/types.js';

/** The port of the router that it connects to. */
export const PORT = 6783;
export const NETWORK = 'mesh' as NetworkName;

export interface BareRouter {
  readonly router: Router;
  /** Begins to speak, and dials `peer`. */
  start(peer: string): void;
  /** As `kill -9` leaves it; the state directory is free again. */
  kill(): void;
}

const hooks: RouterHooks = {
  forward: () => undefined,
  settled: () => undefined,
  persist: () => undefined,
  raiseIncarnation: (above) => above + 1,
  claimLost: () => undefined,
  log: () => undefined,
};

/** Those of the lab that the process runs in; outside of any, of an open mesh. */
export function benchKeys(): MeshKeys {
  const secret = parseSecret(process.env.MESH_SECRET ?? '');
  return secret.kind === 'words' ? meshKeys(rootOf(secret.entropy)) : OPEN_KEYS;
}

/** @param port of its own, for control. @param makeSockets gets what the network's events are to be given to */
export async function bareRouter(
  name: string,
  stateDir: string,
  port: number,
  makeSockets: (sink: (ev: NetworkEvent) => void) => Sockets,
): Promise<BareRouter> {
  const dir = StateDir.open(stateDir);
  const identity = loadIdentity(dir);
  const incarnation = nextIncarnation(dir);
  let sink: (ev: NetworkEvent) => void = () => undefined;
  const network = makeSockets((ev) => sink(ev));
  await network.listen();
  const addresses = (): SocketAddress[] => network.localAddresses().map((ip) => ({ ip, port }));
  const router = new Router(
    {
      self: identity.id,
      trust: await loadTrust(identity, benchKeys()),
      name,
      incarnation,
      port,
      vxlanPort: port + 2,
      softwareVersion: 'bench',
      launch: randomBytes(LAUNCH_BYTES),
      addresses: addresses(),
      random: Math.random,
      ...openStore(
        { self: identity.id, incarnation, signatures: ed25519(identity.privateKey, identity.publicKey) },
        undefined,
      ),
      remotes: new Map(),
      network: { name: NETWORK, definition: { vni: 6785 as Vni, mtu: 1376 } },
      founds: false,
    },
    {
      network: (to) => {
        sink = to;
        return network;
      },
      membership: (own) => createSwimMembership({ self: identity.id, incarnation, hooks: own, clock: systemClock }),
      random: Math.random,
      hooks,
    },
  );
  return {
    router,
    start(peer) {
      router.start(addresses);
      router.dispatch({ kind: 'connect', target: { text: peer, ...parseHostPort(peer, PORT)! } });
    },
    kill() {
      router.abandon();
      dir.close();
    },
  };
}
