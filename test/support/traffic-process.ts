// What a container's program does with the network, as a process of its own. Each says one line when it is ready to be spoken
// to, and one when it is done.
//
//   usage: traffic-process.js receive PORT                        one TCP stream: how many bytes came, and their hash
//          traffic-process.js send HOST PORT BYTES MIN_MS         as many random bytes, taking MIN_MS or longer
//          traffic-process.js echo PORT                           sends UDP datagrams back; ends when it is killed
//          traffic-process.js ask HOST PORT COUNT                 datagrams of 64 bytes, one by one, then as many in super-frames
//                                                                 (UDP_SEGMENT): how many came back, and how many that never went
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setSocketOption } from '../../datapath/syscalls.js';

const CHUNK_BYTES = 1 << 16;
const DATAGRAM_BYTES = 64;
const BURST = 32;
/** Datagrams that may be under way at a time: fewer than any buffer on the way holds. */
const WINDOW = 64;
/** Datagrams that are not back after this are lost, ms. */
const LOST_MS = 500;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function receive(port: number): void {
  const hash = createHash('sha256');
  let bytes = 0;
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    socket.on('error', (error) => say(`${bytes} ${error.message}`));
    socket.on('end', () => {
      say(`${bytes} ${hash.digest('hex')}`);
      socket.end();
      server.close();
    });
  });
  server.listen(port, '::', () => say('listens'));
}

async function send(host: string, port: number, total: number, minMs: number): Promise<void> {
  const stream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const hash = createHash('sha256');
  const socket = connect(port, host);
  await once(socket, 'connect');
  say('speaks');
  const since = performance.now();
  for (let sent = 0; sent < total;) {
    const chunk = stream.update(zeros.subarray(0, Math.min(CHUNK_BYTES, total - sent)));
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
    const earlyMs = (sent / total) * minMs - (performance.now() - since);
    if (earlyMs > 1) await sleep(earlyMs);
  }
  socket.end();
  await once(socket.resume(), 'close'); // the other side has read it all
  say(`${total} ${hash.digest('hex')}`);
}

function echo(port: number): void {
  const socket = createSocket('udp6');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, () => say('listens'));
}

/** The kernel's handle of a socket, which Node shows to nobody. */
const fdOf = (socket: UdpSocket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** Datagrams that are under way, by what is in them. */
class Questions {
  readonly #asked = new Map<string, number>();
  /** What nobody waits for any more; it may still come. */
  readonly #late = new Set<string>();
  right = 0;
  wrong = 0;

  ask(datagrams: readonly Buffer[]): Buffer {
    for (const one of datagrams) this.#asked.set(one.toString('latin1'), performance.now());
    return Buffer.concat(datagrams);
  }

  answer(datagram: Buffer): void {
    const text = datagram.toString('latin1');
    if (this.#asked.delete(text) || this.#late.delete(text)) this.right++;
    else this.wrong++;
  }

  /** Until no more than that many are under way. */
  async settle(most: number): Promise<void> {
    while (this.#asked.size > most) {
      await sleep(1);
      const before = performance.now() - LOST_MS;
      for (const [one, at] of this.#asked) {
        if (at >= before) continue;
        this.#asked.delete(one);
        this.#late.add(one);
      }
    }
  }
}

async function ask(host: string, port: number, count: number): Promise<void> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  socket.connect(port, host);
  await once(socket, 'connect');
  say('speaks');
  const questions = new Questions();
  socket.on('message', (message) => questions.answer(message));
  for (const burst of [1, BURST]) {
    if (burst > 1 && setSocketOption(fdOf(socket), SOL_UDP, UDP_SEGMENT, DATAGRAM_BYTES) < 0)
      throw new Error('this kernel has no UDP_SEGMENT');
    for (let asked = 0; asked < count; asked += burst) {
      socket.send(questions.ask(Array.from({ length: burst }, () => randomBytes(DATAGRAM_BYTES))));
      await questions.settle(WINDOW - burst);
    }
    await questions.settle(0);
  }
  say(`${questions.right} ${questions.wrong}`);
  socket.close();
}

const [what = '', ...args] = process.argv.slice(2);
const numbers = args.map(Number);
if (what === 'receive') receive(numbers[0]!);
else if (what === 'send') await send(args[0]!, numbers[1]!, numbers[2]!, numbers[3]!);
else if (what === 'echo') echo(numbers[0]!);
else await ask(args[0]!, numbers[1]!, numbers[2]!);
