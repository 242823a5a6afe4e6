// Very many idle peers as one process in a host's namespace, each with an address and an endpoint of its own; their probe devices
// are one, which echoes for all.
//   crowd-process.js PEER ADDRESS...     PEER: the address that they all connect to
import { setTimeout as sleep } from 'node:timers/promises';
import { linkIndexOf, openPacketSocket, packetReceive, packetSend, pollReadable } from '../../datapath/syscalls.js';
import {
  decodeProbe,
  encodeProbe,
  PROBE_ETHERTYPE,
  PROBE_MAX_BYTES,
  probeMac,
} from '../../datapath/paths/probe/frame.js';
import { macFromBytes } from '../../router/address.js';
import { newIdentity } from '../../router/runtime/identity.js';
import { loadTrust } from '../../router/runtime/load-trust.js';
import type { Ip, Mac, PeerId } from '../../router/types.js';
import { benchKeys } from './bare-router.js';
import { IdlePeer } from './idle-peer.js';

/** As the host's owner has made it: VNI and port of the probes, and everything to PEER. */
const DEVICE = 'crowd-vxp';

/** Each is news for all that came before it. */
const BETWEEN_MS = 100;

const [peer, ...addresses] = process.argv.slice(2) as [string, ...Ip[]];
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

echo();
for (const [n, ip] of addresses.entries()) {
  const one = new IdlePeer(n, ip, await loadTrust(newIdentity(), benchKeys()));
  byMac.set(probeMac(one.id), one.id);
  await one.start(peer);
  await sleep(BETWEEN_MS);
}
