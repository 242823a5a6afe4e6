// A peer that announces very many endpoints, as a process in a host's namespace.
//   announcer.js STATE-DIR COUNT v4|v6 PEER
// Prints a JSON line each time it has handed records to the network: {"sentAt": ms since 1970, "bytes": all so far}.
import { Sockets } from '../../router/index.js';
import type { EndpointId } from '../../router/types.js';
import { bareRouter, NETWORK, PORT } from './bare-router.js';
import { manyIp, manyMac } from './many.js';

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

const [stateDir, count, family, peer] = process.argv.slice(2) as [string, string, string, string];
const own = await bareRouter('announcer', stateDir, PORT, (sink) => new WatchedSockets({ port: PORT, sink }));
for (let n = 0; n < Number(count); n++)
  own.router.dispatch({
    kind: 'announce',
    fresh: true,
    endpoint: {
      id: `e${n}` as EndpointId,
      network: NETWORK,
      mac: manyMac(n),
      ips: family === 'v4' ? [manyIp(n)] : [],
    },
  });
own.start(peer);
