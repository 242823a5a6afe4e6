// Very many idle peers as one process in a host's namespace, each with an address and an endpoint of its own; their probe devices
// are one, which echoes for all.
//   crowd-process.js DIR PEER ADDRESS...     PEER: the address that they all connect to
import { linkIndexOf, openPacketSocket, packetReceive, packetSend, pollReadable } from '../../datapath/syscalls.js';
import {
  decodeProbe,
  encodeProbe,
  PROBE_ETHERTYPE,
  PROBE_MAX_BYTES,
  probeMac,
} from '../../datapath/paths/probe/frame.js';
import { macFromBytes } from '../../router/address.js';
import { Sockets } from '../../router/index.js';
import type { NetworkSink } from '../../router/runtime/network.js';
import type { SocketsOptions } from '../../router/runtime/sockets.js';
import type { EndpointId, Ip, Mac, PeerId } from '../../router/types.js';
import { bareRouter, NETWORK, PORT } from './bare-router.js';
import { manyIp, manyMac } from './many.js';

/** As the host's owner has made it: VNI and port of the probes, and everything to PEER. */
const DEVICE = 'crowd-vxp';
const BETWEEN_STARTS_MS = 30;

/** They are connected to PEER alone: what they would say to one another is not what is measured. */
class FewSockets extends Sockets {
  readonly #sink: NetworkSink;

  constructor(options: SocketsOptions) {
    super(options);
    this.#sink = options.sink;
  }

  override dial(conn: number, host: string, port: number, timeoutMs: number): void {
    if (host === peer) return super.dial(conn, host, port, timeoutMs);
    setTimeout(() => this.#sink({ kind: 'dialFailed', conn, reason: 'timeout', sentence: 'not dialled' }), timeoutMs);
  }
}

const [dir, peer, ...addresses] = process.argv.slice(2) as [string, string, ...Ip[]];
const byMac = new Map<Mac, PeerId>();

function echo(): void {
  const fd = openPacketSocket(linkIndexOf(DEVICE)!, PROBE_ETHERTYPE);
  const buffer = new Uint8Array(PROBE_MAX_BYTES);
  pollReadable(fd, () => {
    for (let n = packetReceive(fd, buffer); n !== undefined; n = packetReceive(fd, buffer)) {
      const frame = decodeProbe(buffer.subarray(0, n));
      const self = byMac.get(macFromBytes(buffer, 0));
      if (typeof frame !== 'string' && frame.kind === 'probe' && self !== undefined)
        packetSend(fd, encodeProbe(frame.from, { ...frame, kind: 'echo', from: self, timeUs: 0 }));
    }
  });
}

async function main(): Promise<void> {
  echo();
  for (const [n, host] of addresses.entries()) {
    const own = await bareRouter(`p${n}`, `${dir}/${n}`, PORT, (sink) => new FewSockets({ port: PORT, host, sink }));
    byMac.set(probeMac(own.router.core.self), own.router.core.self);
    own.router.dispatch({
      kind: 'announce',
      fresh: true,
      endpoint: { id: `e${n}` as EndpointId, network: NETWORK, mac: manyMac(n), ips: [manyIp(n)] },
    });
    own.start(peer);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_STARTS_MS));
  }
}

await main();
