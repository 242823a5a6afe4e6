// The sending worker: TAPs and commands in, datagrams out.
import { parentPort, workerData } from 'node:worker_threads';
import { MacTable } from '../forward/mac-table.js';
import { StormLimiter } from '../forward/storm.js';
import { packetsByCpu } from '../native/affinity.js';
import { createMemory } from '../native/memory.js';
import { Sealing } from '../native/sealing.js';
import { OUTER_BYTES } from '../wire/datagram.js';
import { PROBE_BYTES, writeProbe } from '../wire/message.js';
import { monotonicUs } from './clock.js';
import { Inbox } from './inbox.js';
import type { Command, Report, SleeveWay, WorkerInit } from './messages.js';
import { IP_UDP_BYTES, SendPeers, useWay, type SendPeer } from './peers.js';
import { Placement } from './placement.js';
import { Sender } from './sender.js';
import { Totals } from './shared.js';
import { TxLoop, type TxNetwork } from './tx-loop.js';

const MEMORY_BYTES = 2 << 20;
const MAX_PROBE_BYTES = 65_000;

const { wake, sockets, totals: totalsBuffer, withEvp, stormFramesPerS, busy } = workerData as WorkerInit;
const say = (report: Report): void => parentPort!.postMessage(report);

const memory = createMemory(MEMORY_BYTES);
const totals = new Totals(totalsBuffer);
const sealing = new Sealing(memory, withEvp);
const peers = new SendPeers(memory, sealing, 0, sockets);
const sender = new Sender(memory, totals, 0, (peer) => say({ kind: 'needRekey', peer: peer.id }));
const loop = new TxLoop(memory, sender, totals, new StormLimiter(stormFramesPerS));
const inbox = new Inbox(memory, wake, new Placement(new Int32Array(busy), 0, packetsByCpu));
const probeAt = memory.take(MAX_PROBE_BYTES);
const networks = new Map<number, TxNetwork>();
const byFd = new Map<number, TxNetwork>();

function run(): void {
  say({ kind: 'ready', features: { evp: sealing.usesEvp } });
  for (;;) {
    const fds = inbox.wait();
    for (const command of inbox.commands(fds)) {
      // What the bridge sent here before it was told to send elsewhere has no other way.
      if (command.kind === 'mac' && command.peer === undefined) drain(fds);
      if (!obey(command)) return;
    }
    drain(fds);
  }
}

function drain(fds: readonly number[]): void {
  for (const fd of fds) {
    const network = byFd.get(fd);
    if (network !== undefined && loop.drain(network, performance.now()) === 'lost') lose(network);
  }
}

/** @returns false when it is to end */
function obey(command: Command): boolean {
  switch (command.kind) {
    case 'network':
      setNetwork(command.vni, command.fd);
      return true;
    case 'endNetwork':
      endNetwork(command.vni, command.fd);
      return true;
    case 'peer':
      peers.add(command.peer, command.counters);
      return true;
    case 'mac':
      networks.get(command.vni)?.macs.set(command.mac, command.peer && peers.find(command.peer));
      return true;
    case 'flood': {
      const network = networks.get(command.vni);
      if (network) network.flood = command.peers.flatMap((id) => peers.find(id) ?? []);
      return true;
    }
    case 'session':
    case 'endSession':
    case 'remote':
    case 'relayWay':
    case 'carry':
    case 'pathMtu':
    case 'probe': {
      const peer = peers.find(command.peer);
      if (peer !== undefined) change(peer, command);
      return true;
    }
    case 'expire':
    case 'relayRule':
      return true;
    case 'stop':
      return false;
  }
}

type PeerCommand = Extract<
  Command,
  { kind: 'session' | 'endSession' | 'remote' | 'relayWay' | 'carry' | 'pathMtu' | 'probe' }
>;

function change(peer: SendPeer, command: PeerCommand): void {
  switch (command.kind) {
    case 'session':
      if (command.sends) peers.setSession(peer, command.keys, command.remote);
      return;
    case 'endSession':
      return peers.endSession(peer);
    case 'remote':
      return peers.setRemote(peer, command.remote);
    case 'relayWay':
      return peers.setRelayWay(peer, command.way);
    case 'carry':
      return peers.carry(peer, command.way);
    case 'pathMtu':
      return peers.setPathMtu(peer, command.way, command.bytes);
    case 'probe':
      return probeBy(peer, command.way, () => probe(peer, command.bytes, command.token));
  }
}

/** Either way can be probed, whichever data takes: nothing that was sealed before is still to be sent. */
function probeBy(peer: SendPeer, way: SleeveWay, probe: () => void): void {
  if (way === 'relay' && peer.relay === undefined) return;
  if (way === peer.carrier) return probe();
  useWay(peer, way);
  probe();
  useWay(peer, peer.carrier);
}

/** @param bytes of the whole IP packet */
function probe(peer: SendPeer, bytes: number, token: number): void {
  if (!sender.reserve(peer, 1)) return;
  const overhead = IP_UDP_BYTES[peer.family] + OUTER_BYTES + peer.sealer!.tagBytes;
  const messageBytes = Math.max(PROBE_BYTES, Math.min(bytes, MAX_PROBE_BYTES) - overhead);
  const message = probeAt + OUTER_BYTES;
  memory.bytes.fill(0, message, message + messageBytes); // sealing the last one left its bytes there
  writeProbe(memory.view, message, token, monotonicUs(), bytes);
  const length = sender.seal(peer, probeAt, messageBytes);
  sender.send(peer, probeAt, length, length);
}

function setNetwork(vni: number, fd: number): void {
  const network = { vni, fd, macs: new MacTable<SendPeer>(), flood: [] };
  networks.set(vni, network);
  byFd.set(fd, network);
  inbox.watch(fd);
}

function endNetwork(vni: number, fd: number): void {
  const network = networks.get(vni);
  if (network) unwatch(network);
  networks.delete(vni);
  say({ kind: 'released', fd });
}

function unwatch(network: TxNetwork): void {
  if (byFd.delete(network.fd)) inbox.unwatch(network.fd);
}

function lose(network: TxNetwork): void {
  unwatch(network);
  say({ kind: 'tapLost', vni: network.vni });
}

run();
