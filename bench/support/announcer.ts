// A peer that announces very many endpoints: a real router without a data plane, run as a process in a host's namespace.
//   announcer.js STATE-DIR COUNT v4|v6 PEER
// Prints a JSON line each time it has handed records to the network: {"sentAt": ms since 1970, "bytes": all so far}.
import { randomBytes } from 'node:crypto';
import {
  createSwimMembership,
  loadIdentity,
  nextIncarnation,
  openStore,
  Router,
  Sockets,
  StateDir,
} from '../../router/index.js';
import type { NetworkEvent, RouterHooks } from '../../router/index.js';
import { parseHostPort } from '../../router/address.js';
import type { EndpointId, NetworkName, SocketAddress, Vni } from '../../router/types.js';
import { manyIp, manyMac } from './many.js';

const PORT = 6783;
/** Frames below this are not records. */
const LARGE_BYTES = 4096;

class WatchedSockets extends Sockets {
  #bytes = 0;

  override send(conn: number, bytes: Uint8Array): void {
    super.send(conn, bytes);
    if (bytes.length < LARGE_BYTES) return;
    this.#bytes += bytes.length;
    process.stdout.write(`${JSON.stringify({ sentAt: Date.now(), bytes: this.#bytes })}\n`);
  }
}

const [stateDir, countText, family, peer] = process.argv.slice(2) as [string, string, string, string];
const dir = StateDir.open(stateDir);
const identity = loadIdentity(dir);
const incarnation = nextIncarnation(dir);
let sink: (ev: NetworkEvent) => void = () => undefined;
const network = new WatchedSockets({ port: PORT, sink: (ev) => sink(ev) });
await network.listen();
const addresses = (): SocketAddress[] => network.localAddresses().map((ip) => ({ ip, port: PORT }));

const hooks: RouterHooks = {
  forward: () => undefined,
  settled: () => undefined,
  persist: () => undefined,
  raiseIncarnation: (above) => above + 1,
  claimLost: () => undefined,
  log: () => undefined,
};
const router = new Router(
  {
    self: identity.id,
    publicKey: identity.publicKey,
    name: 'announcer',
    incarnation,
    port: PORT,
    vxlanPort: PORT + 2,
    softwareVersion: 'bench',
    launch: randomBytes(8),
    addresses: addresses(),
    random: Math.random,
    ...openStore({ self: identity.id, incarnation }, undefined),
    remotes: new Map(),
    network: { name: 'mesh' as NetworkName, definition: { vni: 6785 as Vni, mtu: 1376 } },
    founds: false,
  },
  {
    network: (to) => {
      sink = to;
      return network;
    },
    membership: (own) => createSwimMembership({ self: identity.id, incarnation, hooks: own }),
    random: Math.random,
    hooks,
  },
);
for (let n = 0; n < Number(countText); n++)
  router.dispatch({
    kind: 'announce',
    fresh: true,
    endpoint: {
      id: `e${n}` as EndpointId,
      network: 'mesh' as NetworkName,
      mac: manyMac(n),
      ips: family === 'v4' ? [manyIp(n)] : [],
    },
  });
router.start(addresses);
router.dispatch({ kind: 'connect', target: { text: peer, ...parseHostPort(peer, PORT)! } });
