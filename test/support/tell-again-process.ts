// A program (HOST FILE): says again what the file holds, to the ports of that host, and prints how many datagrams and streams it was.
// FILE: JSON, { datagrams: [port, base64][], streams: [port, base64][] }. A stream is cut where the other end closes it.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [host = '', file = ''] = process.argv.slice(2);
const STREAM_MS = 1_500;
/** As many at once as the receiver's buffer holds. */
const BURST = 50;

const { datagrams, streams } = JSON.parse(readFileSync(file, 'utf8')) as Record<
  'datagrams' | 'streams',
  readonly (readonly [port: number, base64: string])[]
>;

const socket = createSocket('udp4');
for (const [n, [port, base64]] of datagrams.entries()) {
  socket.send(Buffer.from(base64, 'base64'), port, host);
  if (n % BURST === 0) await sleep(20);
}
for (const [port, base64] of streams) {
  const stream = connect(port, host);
  stream.on('error', () => undefined); // refused, or cut
  stream.write(Buffer.from(base64, 'base64'));
  await Promise.race([once(stream, 'close').catch(() => undefined), sleep(STREAM_MS)]);
  stream.destroy();
}
await sleep(100);
socket.close();
console.log(`${datagrams.length} ${streams.length}`);
