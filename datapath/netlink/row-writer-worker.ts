// The thread behind row-writer.ts: it spends its time in send(2).
import { parentPort, workerData } from 'node:worker_threads';
import { KernelError } from '../kernel.js';
import { BATCH_ROWS, type RowBatches } from './row-batch.js';
import type { Refusal, WriteReport } from './row-writer.js';
import { NetlinkSocket } from './socket.js';

// Opened by the thread that made us, in the right namespace, and closed by it when we have ended.
const socket = new NetlinkSocket({ fd: workerData as number });

function write({ bytes, first, count, ends }: RowBatches): WriteReport {
  const refused: Refusal[] = [];
  let begin = 0;
  try {
    ends.forEach((end, i) => {
      const lastSeq = first + Math.min((i + 1) * BATCH_ROWS, count) - 1;
      socket.sendBatch('rows', bytes.subarray(begin, end), lastSeq, (seq, why) => refused.push({ seq, ...why }));
      begin = end;
    });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kind: 'failed', errno: error.errno };
  }
  return { kind: 'done', refused };
}

parentPort!.on('message', (message: RowBatches | 'end') => {
  if (message === 'end') parentPort!.close();
  else parentPort!.postMessage(write(message));
});
