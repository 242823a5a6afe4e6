// The measurements that are taken of each contender in a round.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { must } from '../../cli/demo/namespace.js';
import { ping } from '../../test/support/netns.js';
import { packets, throughput } from '../support/iperf.js';
import { busyS } from '../support/machine.js';
import { median } from '../support/statistics.js';
import { cpuOf, dropsOf, type Contender, type CpuS } from './contender.js';

const TCP_S = 2;
const OTHER_S = 1;
/** As large as the mesh's MTU of 1376 lets a datagram be: 1400 bytes would be two fragments. */
export const LARGE_BYTES = 1_348;
export const SMALL_BYTES = 64;
const PINGS = 200;
const PING_INTERVAL_MS = 2;
const BLAST = fileURLToPath(new URL('./blast-process.js', import.meta.url));
const BLAST_PORT = 5_300;

/** tcp: bit/s; udp and blast: datagrams delivered a second; rtt: ms; cpu: processor seconds for each GB of `tcp1`; drops:
 *  datagrams lost for want of a receive buffer, in both TCP runs. */
export interface Values {
  readonly tcp1: number;
  readonly tcp4: number;
  readonly udpLarge: number;
  readonly udpSmall: number;
  readonly blast: number;
  readonly rtt: number;
  /** By role of its carriers, and of the whole machine: the kernel, iperf3, and whatever else runs. */
  readonly cpu: CpuS & { readonly machine: number };
  readonly drops: number;
}

/** What each of them adds to a contender's values; a round takes one after the other of all contenders. */
export const MEASUREMENTS: readonly ((contender: Contender) => Promise<Partial<Values>>)[] = [
  oneStream,
  fourStreams,
  async (c) => ({ udpLarge: await packets(c, LARGE_BYTES, OTHER_S) }),
  async (c) => ({ udpSmall: await packets(c, SMALL_BYTES, OTHER_S) }),
  async (c) => ({ blast: await blast(c) }),
  async (c) => ({ rtt: await roundTrip(c) }),
];

async function oneStream(contender: Contender): Promise<Partial<Values>> {
  const [before, busyBefore, dropsBefore] = [await cpuOf(contender), busyS(), await dropsOf(contender)];
  const tcp1 = await throughput(contender, 1, TCP_S);
  const [busyAfter, after] = [busyS(), await cpuOf(contender)];
  const gigabytes = (tcp1 * TCP_S) / 8e9;
  const cpu = {
    sends: (after.sends - before.sends) / gigabytes,
    relays: (after.relays - before.relays) / gigabytes,
    receives: (after.receives - before.receives) / gigabytes,
    machine: (busyAfter - busyBefore) / gigabytes,
  };
  return { tcp1, cpu, drops: (await dropsOf(contender)) - dropsBefore };
}

async function fourStreams(contender: Contender): Promise<Partial<Values>> {
  const before = await dropsOf(contender);
  const tcp4 = await throughput(contender, 4, OTHER_S);
  return { tcp4, drops: (await dropsOf(contender)) - before };
}

/** @returns median, ms. @throws AssertionError if the kernel or we lost one, or a rival most of them */
async function roundTrip({ name, kind, from, address }: Contender): Promise<number> {
  const { sent, received, rttMs } = await ping(from, address, PINGS, PING_INTERVAL_MS);
  const least = kind === 'rival' ? sent / 2 : sent;
  assert.ok(received >= least, `${sent - received} of ${sent} pings over ${name} were lost`);
  return median(rttMs);
}

/** Small datagrams, 64 at a call. @returns how many were delivered a second */
async function blast({ name, from, to, address }: Contender): Promise<number> {
  const own = [process.execPath, BLAST];
  const receiver = to.start([...own, 'receive', address, `${BLAST_PORT}`], ['pipe', 'pipe', 'inherit']);
  let said = '';
  receiver.stdout!.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const ended = once(receiver, 'close');
  await Promise.race([once(receiver.stdout!, 'data'), ended]);
  await must(from.inside([...own, 'send', address, `${BLAST_PORT}`, `${SMALL_BYTES}`, `${OTHER_S}`]));
  receiver.stdin!.end();
  await ended;
  const { bytes, seconds } = JSON.parse(said.replace('listens\n', '')) as { bytes: number; seconds: number };
  assert.ok(bytes > 0, `nothing of a burst over ${name} arrived`);
  return bytes / SMALL_BYTES / seconds;
}
