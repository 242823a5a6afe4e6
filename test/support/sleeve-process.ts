// One host's sleeve as a process of its own: its TAPs and sockets live in the namespace of the process. Commands come, and events
// go, over Node's own channel, whose words are JSON: keys are hex.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { closeFd } from '../../datapath/syscalls.js';
import { createSleeve, type Session, type Sleeve, type SleeveEvent } from '../../datapath/sleeve/sleeve.js';
import type { FastPart } from '../../datapath/sleeve/fast-path.js';
import type { Ip, PeerId } from '../../router/types.js';

export type SessionText = Omit<Session, 'sendKey' | 'receiveKey'> & {
  readonly sendKey: string;
  readonly receiveKey: string;
};

type Method = Exclude<keyof Sleeve, 'setSession'>;

export type SleeveCommand =
  | { readonly method: 'create'; readonly args: readonly [CreateOptions] }
  | { readonly method: 'setSession'; readonly args: readonly [string, SessionText] }
  | { readonly method: Method; readonly args: readonly unknown[] }
  | { readonly method: 'breakWorker'; readonly args: readonly ['tx' | 'rx'] }
  | { readonly method: 'cpuMs'; readonly args: readonly [] };

export interface CreateOptions {
  readonly port: number;
  readonly listen: { readonly v4?: Ip; readonly v6?: Ip };
  readonly graceMs?: number;
  readonly without?: readonly FastPart[];
  readonly stormFramesPerS?: number;
}

export interface SleeveReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

let sleeve: Sleeve | undefined;
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function obey({ method, args }: SleeveCommand): unknown {
  if (method === 'create') {
    sleeve = createSleeve({ ...args[0], onEvent: (event: SleeveEvent) => void process.send?.({ event }) });
    return undefined;
  }
  if (method === 'setSession') {
    const [peer, session] = args as readonly [PeerId, SessionText];
    const { sendKey, receiveKey } = session;
    return sleeve!.setSession(peer, { ...session, sendKey: bytes(sendKey), receiveKey: bytes(receiveKey) });
  }
  if (method === 'counters') {
    const counters = sleeve!.counters();
    return { ...counters, peers: Object.fromEntries(counters.peers) };
  }
  if (method === 'breakWorker') return closeEpollOf(args[0]);
  if (method === 'cpuMs') {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }
  return (sleeve![method] as (this: Sleeve, ...given: readonly unknown[]) => unknown).call(
    sleeve!,
    ...args.map((arg) => arg ?? undefined), // JSON makes null of undefined
  );
}

/** Takes the descriptor away that a worker waits on: its next wait throws, as it would when something is broken in earnest. */
function closeEpollOf(worker: 'tx' | 'rx'): void {
  const links = new Map(readdirSync('/proc/self/fd').map((fd) => [fd, linkOf(`/proc/self/fd/${fd}`)]));
  const isWatched =
    worker === 'tx' ? (link: string) => link === '/dev/net/tun' : (link: string) => link.startsWith('socket:');
  const watched = [...links].filter(([, link]) => isWatched(link)).map(([fd]) => fd);
  const found = [...links].filter(([fd, link]) => {
    if (link !== 'anon_inode:[eventpoll]') return false;
    const [wake, ...more] = [...readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').matchAll(/^tfd:\s+(\d+)/gm)].map(
      (m) => m[1]!,
    );
    return (
      wake !== undefined &&
      [wake, ...more].every((t) => watched.includes(t) || links.get(t) === 'anon_inode:[eventfd]') &&
      more.length > 0 &&
      [wake, ...more].some((t) => watched.includes(t))
    );
  });
  if (found.length !== 1) throw new Error(`${found.length} epolls of ${worker}`);
  closeFd(Number(found[0]![0]));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // the directory that is being read
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, command }: { id: number; command: SleeveCommand }) => {
  Promise.resolve()
    .then(() => obey(command))
    .then(
      (value) => process.send!({ id, value }),
      (error: unknown) =>
        process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
});
