// Reading whole tables without holding up the event loop: small ones here, large ones in a worker, because the kernel walks
// its table from the start for every 32 KiB it gives (100,000 MACs: 3 s of system time).
import { Worker } from 'node:worker_threads';
import { KernelError } from '../kernel.js';
import { closeFd, openOwnNetns, withNetns } from '../syscalls.js';
import { RTM_GETNEIGH, RTM_NEWNEIGH } from './constants.js';
import { viewOf, visitMessages } from './message.js';
import type { NeighDump } from './neigh.js';
import { decodeNeigh, type Neigh } from './neigh-decode.js';
import { NetlinkSocket, type Datagram } from './socket.js';

/** Beyond this a table is large: about 6,000 rows, 40 ms. */
const INLINE_MAX_BYTES = 512 * 1024;
/** One that is as good as empty costs less than a turn of the event loop. */
const SMALL_PIECE_BYTES = 4096;
/** How often a dump that was interrupted by changes is begun again. */
export const DUMP_ATTEMPTS = 5;

/** What the worker is given. `netns` is a fd that stays open until it is done. */
export interface DumpJob {
  readonly netns: number | undefined;
  readonly dumps: readonly NeighDump[];
}

/** What the worker says: a piece, a refusal. It ends when it has said all. */
export type DumpReport =
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly op: string; readonly errno: string };

/**
 * Dumps RTM_GETNEIGH tables one after the other, and keeps what `pick` makes of their entries.
 * @throws KernelError EINTR when the tables kept changing under the dump
 */
export async function dumpNeigh<T>(
  netns: number | undefined,
  dumps: readonly NeighDump[],
  pick: (n: Neigh) => T | undefined,
): Promise<T[]> {
  for (let attempts = 1; ; attempts++) {
    try {
      return (await dumpInline(netns, dumps, pick)) ?? (await dumpInWorker(netns, dumps, pick));
    } catch (error) {
      if (attempts === DUMP_ATTEMPTS || !(error instanceof KernelError && error.errno === 'EINTR')) throw error;
    }
  }
}

function pickFrom<T>({ view, length }: Datagram, pick: (n: Neigh) => T | undefined, into: T[]): void {
  visitMessages(view, length, (m) => {
    const neigh = m.type === RTM_NEWNEIGH ? decodeNeigh(m) : undefined;
    const picked = neigh && pick(neigh);
    if (picked !== undefined) into.push(picked);
  });
}

/** @returns undefined if the tables turn out to be large */
async function dumpInline<T>(
  netns: number | undefined,
  dumps: readonly NeighDump[],
  pick: (n: Neigh) => T | undefined,
): Promise<T[] | undefined> {
  const socket = new NetlinkSocket(netns);
  const found: T[] = [];
  try {
    let bytes = 0;
    for (const { op, payload } of dumps) {
      for (const piece of socket.dump(op, RTM_GETNEIGH, payload)) {
        pickFrom(piece, pick, found);
        bytes += piece.length;
        if (bytes > INLINE_MAX_BYTES) return undefined;
        if (piece.length > SMALL_PIECE_BYTES) await new Promise(setImmediate);
      }
    }
    return found;
  } finally {
    socket.close();
  }
}

async function dumpInWorker<T>(
  netns: number | undefined,
  dumps: readonly NeighDump[],
  pick: (n: Neigh) => T | undefined,
): Promise<T[]> {
  // The worker's own fd: ours may be closed while it works.
  const fd = netns === undefined ? undefined : withNetns(netns, openOwnNetns);
  const workerData: DumpJob = { netns: fd, dumps };
  const found: T[] = [];
  let refusal: KernelError | undefined;
  try {
    const worker = new Worker(new URL('./dump-worker.js', import.meta.url), { workerData });
    worker.on('message', (report: DumpReport) => {
      if (report.kind === 'piece') pickFrom({ view: viewOf(report.bytes), length: report.bytes.length }, pick, found);
      else refusal = new KernelError(report.op, report.errno);
    });
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  } finally {
    if (fd !== undefined) closeFd(fd);
  }
  if (refusal !== undefined) throw refusal;
  return found;
}
