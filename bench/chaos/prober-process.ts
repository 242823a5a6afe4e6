// A program: probes every pair of containers all the time, from sockets in their namespaces, and keeps the ledger. One process
// for all of them: as many ping(8) would leave the machine no time for the routers. It speaks with prober.ts over IPC.
import { setPriority } from 'node:os';
import {
  addressOf,
  closeFd,
  lastErrno,
  nativeCall,
  openNetns,
  openSocket,
  packetAgeMs,
  pollReadable,
  receiveBytes,
  setSocketOption,
  timePackets,
  withNetns,
} from '../../datapath/syscalls.js';
import { decodeAnswer, encodeProbe } from './icmp.js';
import { ProbeLedger } from './outages.js';
import type { ProberAnswer, ProberOrder } from './prober.js';
import { allIntervalMs, ROTA_MS, rotaOf } from './rota.js';

const [AF_INET, SOCK_RAW, IPPROTO_ICMP] = [2, 3, 1];
const [SOL_SOCKET, SO_RCVBUF] = [1, 8];
const [SOL_RAW, ICMP_FILTER] = [255, 1]; // linux/icmp.h: a bit for each type that is not wanted
const RCVBUF_BYTES = 1 << 20;
const TICK_MS = 5;
/** With fewer than this the machine's own work is seen as outages of the mesh. */
const PRIORITY = -15;
/** After this long without a turn of ours, what was not sent is left out, ms. */
const SKIP_MS = 1_000;

const sendto = nativeCall(
  'libc',
  'long sendto(int fd, void *bytes, size_t length, int flags, void *to, int toLength)',
)!;

/** A raw socket in the namespace. @returns its descriptor */
function openProbeSocket(path: string): number {
  const netns = openNetns(path);
  try {
    const fd = withNetns(netns, () => openSocket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES);
    setSocketOption(fd, SOL_RAW, ICMP_FILTER, ~1);
    timePackets(fd);
    return fd;
  } finally {
    closeFd(netns);
  }
}

/** struct sockaddr_in of ip(7), 16 bytes; at least 64, for V8 moves what is smaller. */
function sockaddrOf(ip: string): Buffer {
  const address = Buffer.alloc(64);
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_INET;
  address.set(ip.split('.').map(Number), 4);
  return address;
}

class Prober {
  readonly #ledger: ProbeLedger;
  readonly #sockets: readonly number[];
  readonly #addresses: readonly Buffer[];
  readonly #intervalMs: number;
  readonly #t0: number;
  readonly #timer: NodeJS.Timeout;
  readonly #packet = Buffer.alloc(2048);
  readonly #unsent: Record<string, number> = {};
  /** Numbers of the pairs that ping now, whose turn it is, and when. */
  #rota: readonly number[] = [];
  #turn = -1;
  /** Between two pings of a pair of the rota. */
  #everyMs = Infinity;
  #next = 0;
  #dueAt = 0;
  #who: 'all' | 'rota' = 'all';
  #lateMs = 0;
  #skipped = 0;

  constructor({ containers, intervalMs, maxMs }: Extract<ProberOrder, { kind: 'start' }>) {
    this.#ledger = new ProbeLedger(containers.length, Math.ceil(maxMs / intervalMs));
    this.#intervalMs = intervalMs;
    this.#sockets = containers.map(({ path }) => openProbeSocket(path));
    this.#addresses = containers.map(({ ip }) => sockaddrOf(ip));
    for (const fd of this.#sockets) pollReadable(fd, () => this.#drain(fd));
    this.#t0 = Date.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    say({ kind: 'started', atMs: this.#t0 });
  }

  silent(sinceMs: number, untilMs: number): ProberAnswer {
    return { kind: 'silent', pairs: this.#ledger.silentBetween(sinceMs, untilMs) };
  }

  stop(untilMs: number): ProberAnswer {
    clearInterval(this.#timer);
    const rtts = this.#ledger.rtts();
    return {
      kind: 'result',
      sent: this.#ledger.sent,
      lost: this.#ledger.lost(),
      late: this.#ledger.late(),
      skipped: this.#skipped,
      unsent: this.#unsent,
      rttMs: { median: rtts[rtts.length >> 1] ?? NaN, p99: rtts[Math.floor(rtts.length * 0.99)] ?? NaN },
      proberLateMs: Math.round(this.#lateMs),
      outages: this.#ledger.outages(untilMs),
    };
  }

  #now(): number {
    return performance.timeOrigin + performance.now() - this.#t0;
  }

  /** Who pings from now on. */
  watch(who: 'all' | 'rota'): ProberAnswer {
    this.#who = who;
    this.#turn = -1;
    return { kind: 'watching' };
  }

  #tick(): void {
    const now = this.#now();
    const turn = Math.floor(now / ROTA_MS);
    if (turn !== this.#turn) this.#turnTo(turn);
    const gapMs = this.#everyMs / this.#rota.length;
    const lateMs = now - this.#dueAt;
    this.#lateMs = Math.max(this.#lateMs, lateMs - TICK_MS);
    if (lateMs > SKIP_MS) {
      this.#skipped += Math.floor(lateMs / gapMs);
      this.#dueAt = now;
    }
    for (; this.#dueAt <= now && !this.#ledger.isFull; this.#dueAt += gapMs) this.#send();
  }

  #turnTo(turn: number): void {
    const hosts = this.#sockets.length;
    this.#turn = turn;
    this.#rota = this.#who === 'rota' ? rotaOf(hosts, turn) : this.#ledger.pairs.map((_, pair) => pair);
    this.#everyMs = this.#who === 'rota' ? this.#intervalMs : allIntervalMs(hosts, this.#intervalMs);
  }

  #send(): void {
    this.#next = (this.#next + 1) % this.#rota.length;
    const number = this.#ledger.send(this.#rota[this.#next]!, this.#now());
    const [from, to] = this.#ledger.ends(number);
    const probe = encodeProbe(number);
    if (sendto(this.#sockets[from]!, probe, probe.length, 0, addressOf(this.#addresses[to]!), 16) >= 0) return;
    const errno = `${lastErrno()}`;
    this.#unsent[errno] = (this.#unsent[errno] ?? 0) + 1;
  }

  #drain(fd: number): void {
    for (;;) {
      const length = receiveBytes(fd, this.#packet);
      if (length <= 0) return;
      const number = decodeAnswer(this.#packet.subarray(0, length));
      if (number !== undefined) this.#ledger.answer(number, this.#now() - packetAgeMs(fd));
    }
  }
}

const say = (answer: ProberAnswer): void => void process.send!(answer);

try {
  setPriority(PRIORITY);
} catch {
  // An ordinary user may not; the report says how late the probes were.
}
let prober: Prober | undefined;
process.on('message', (order: ProberOrder) => {
  if (order.kind === 'start') prober = new Prober(order);
  else if (order.kind === 'watch') say(prober!.watch(order.who));
  else if (order.kind === 'silent') say(prober!.silent(order.fromMs, order.toMs));
  else process.send!(prober!.stop(order.untilMs), undefined, {}, () => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
