// The receiving worker: datagrams and commands in, frames out; it answers probes, and passes on what is for others.
import { parentPort, workerData } from 'node:worker_threads';
import type { RelayRule } from '../../../router/types.js';
import { packetsByCpu } from '../native/affinity.js';
import { createMemory } from '../native/memory.js';
import { Sealing } from '../native/sealing.js';
import type { Family } from '../native/udp.js';
import { monotonicUs } from './clock.js';
import { Inbox } from './inbox.js';
import type { Command, Report, WorkerInit } from './messages.js';
import { SendPeers, type SendPeer } from './peers.js';
import { Placement } from './placement.js';
import { Receiver } from './receiver.js';
import { Relay } from './relay.js';
import { RxLoop } from './rx-loop.js';
import { Sender } from './sender.js';
import { OpenSessions } from './sessions.js';
import { Totals } from './shared.js';

const MEMORY_BYTES = 2 << 20;

const { wake, sockets, totals: totalsBuffer, withEvp, busy } = workerData as WorkerInit;
const say = (report: Report): void => parentPort!.postMessage(report);

const memory = createMemory(MEMORY_BYTES);
const totals = new Totals(totalsBuffer);
const sealing = new Sealing(memory, withEvp);
const sender = new Sender(memory, totals, 1, (peer) => say({ kind: 'needRekey', peer: peer.id }));
const peers = new SendPeers(memory, sealing, 1, sockets);
const sessions = new OpenSessions(sealing);
const relay = new Relay(memory, sender);
const taps = new Map<number, number>();
const receiver = new Receiver(memory);
const world = { memory, receiver, sessions, sender, relay, totals, taps, report: say, nowUs: monotonicUs };
const loop = new RxLoop(world);
const inbox = new Inbox(memory, wake, new Placement(new Int32Array(busy), 1, packetsByCpu));

function run(): void {
  const families = new Map<number, Family>();
  for (const family of ['v4', 'v6'] as const) {
    const socket = sockets[family];
    if (socket === undefined) continue;
    families.set(socket.fd, family);
    inbox.watch(socket.fd);
  }
  say({ kind: 'ready', features: { evp: sealing.usesEvp } });
  for (;;) {
    const fds = inbox.wait();
    for (const command of inbox.commands(fds)) if (!obey(command)) return;
    for (const fd of fds) {
      const family = families.get(fd);
      if (family !== undefined) loop.drain(fd, family);
    }
  }
}

/** @returns false when it is to end */
function obey(command: Command): boolean {
  switch (command.kind) {
    case 'network':
      taps.set(command.vni, command.fd);
      loop.joiner.joinsUdp = command.hasUso;
      return true;
    case 'endNetwork':
      taps.delete(command.vni);
      say({ kind: 'released', fd: command.fd });
      return true;
    case 'peer':
      peers.add(command.peer, command.counters);
      return true;
    case 'expire':
      sessions.expire(command.receiveIndex);
      return true;
    case 'relayRule':
      setRule(command.label, command.rule);
      return true;
    case 'session':
    case 'endSession':
    case 'remote':
    case 'relayWay': {
      const peer = peers.find(command.peer);
      if (peer !== undefined) change(peer, command);
      return true;
    }
    case 'mac':
    case 'flood':
    case 'carry':
    case 'pathMtu':
    case 'probe':
      return true;
    case 'stop':
      return false;
  }
}

type PeerCommand = Extract<Command, { kind: 'session' | 'endSession' | 'remote' | 'relayWay' }>;

function change(peer: SendPeer, command: PeerCommand): void {
  switch (command.kind) {
    case 'session':
      if (command.sends) peers.setSession(peer, command.keys, command.remote);
      sessions.add(peer, command.keys);
      return;
    case 'endSession':
      peers.endSession(peer);
      return sessions.drop(command.peer);
    case 'remote':
      return peers.setRemote(peer, command.remote);
    case 'relayWay':
      return peers.setRelayWay(peer, command.way);
  }
}

function setRule(label: number, rule: RelayRule | undefined): void {
  const [from, to] = [rule && peers.find(rule.from), rule && peers.find(rule.to)];
  relay.set(label, rule && from && to && { from, to, toLabel: rule.toLabel }, monotonicUs());
}

run();
