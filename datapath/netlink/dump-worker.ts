// The worker behind dump.ts: it spends its time in recv(2) and hands over what it gets, unparsed.
import { parentPort, workerData } from 'node:worker_threads';
import { KernelError } from '../kernel.js';
import { enterNetns, SyscallError } from '../syscalls.js';
import { RTM_GETNEIGH } from './constants.js';
import type { DumpJob, DumpReport } from './dump.js';
import { bytesAt } from './message.js';
import { NetlinkSocket } from './socket.js';

const say = (report: DumpReport, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(report, transfer);

function run(job: DumpJob): void {
  // A worker starts in the namespace of the thread that made it; only this thread moves.
  if (job.netns !== undefined) enterNetns(job.netns);
  const socket = new NetlinkSocket(undefined);
  try {
    for (const { op, payload } of job.dumps) {
      for (const { view, length } of socket.dump(op, RTM_GETNEIGH, payload)) {
        const bytes = bytesAt(view, 0, length).slice();
        say({ kind: 'piece', bytes }, [bytes.buffer]);
      }
    }
  } finally {
    socket.close();
  }
}

try {
  run(workerData as DumpJob);
} catch (error) {
  if (!(error instanceof KernelError) && !(error instanceof SyscallError)) throw error;
  const op = error instanceof KernelError ? error.op : 'dump';
  say({ kind: 'refused', op, errno: error.errno });
}
