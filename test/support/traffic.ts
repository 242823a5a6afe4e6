// Traffic between containers that is checked byte by byte.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Namespace } from './netns.js';

/** However slow the machine is, this much is done, and this many bytes in a second. */
const WITHIN_MS = 30_000;
const BYTES_PER_S = 2e6;
const SCRIPT = fileURLToPath(new URL('./traffic-process.js', import.meta.url));

/** A program in a container that has said its first line. */
class Program {
  readonly #child: ChildProcess;
  readonly #closed: Promise<number | null>;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      this.#lines.push(...lines);
    });
  }

  static async start(where: Namespace, ...args: readonly string[]): Promise<Program> {
    const child = where.start([process.execPath, '--no-deprecation', SCRIPT, ...args], ['ignore', 'pipe', 'inherit']);
    const program = new Program(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout!.once('data', () => resolve());
      child.once('close', () => reject(new Error(`${where.name}: ${args.join(' ')} said nothing`)));
    });
    return program;
  }

  /** @returns its last line, when it has ended. @throws AssertionError if it failed, or ran for longer */
  async result(withinMs: number): Promise<string> {
    const late = setTimeout(() => this.kill(), withinMs);
    const code = await this.#closed;
    clearTimeout(late);
    assert.equal(code, 0, code === null ? `not done within ${withinMs} ms` : this.#lines.join('\n'));
    return this.#lines.at(-1)!;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

export interface TransferOptions {
  readonly bytes: number;
  /** It takes as long, or longer. */
  readonly minMs?: number;
  /** Of the receiver. */
  readonly port?: number;
}

/** One TCP stream of random bytes. @returns how long it took, ms. @throws AssertionError if they did not arrive as they were */
export async function transfer(
  from: Namespace,
  to: Namespace,
  address: string,
  { bytes, minMs = 0, port = 5001 }: TransferOptions,
): Promise<number> {
  const receiver = await Program.start(to, 'receive', `${port}`);
  try {
    const since = performance.now();
    const sender = await Program.start(from, 'send', address, `${port}`, `${bytes}`, `${minMs}`);
    const withinMs = WITHIN_MS + minMs + (bytes / BYTES_PER_S) * 1_000;
    const [sent, received] = await Promise.all([sender.result(withinMs), receiver.result(withinMs)]);
    assert.match(sent, new RegExp(`^${bytes} [0-9a-f]{64}$`));
    assert.equal(received, sent, `to ${address}`);
    return performance.now() - since;
  } finally {
    receiver.kill();
  }
}

/**
 * Datagrams of 64 bytes, which are to come back as they were: `count` that leave one by one, and as many in super-frames.
 * A tenth may be lost, for a machine that is busy drops frames between namespaces. @throws AssertionError
 */
export async function echoes(
  from: Namespace,
  to: Namespace,
  address: string,
  count: number,
  port = 7007,
): Promise<void> {
  const server = await Program.start(to, 'echo', `${port}`);
  try {
    const asker = await Program.start(from, 'ask', address, `${port}`, `${count}`);
    const [right, wrong] = (await asker.result(WITHIN_MS)).split(' ').map(Number);
    const words = `of ${2 * count} datagrams to ${address} ${right} came back, and ${wrong} that never went`;
    assert.ok(right! > 1.8 * count && wrong === 0, words);
  } finally {
    server.kill();
  }
}

/** Counters of the namespace's own IP stack, `Tcp.RetransSegs`, `TcpExt.TCPOFOQueue` and so on (proc(5), net/snmp and net/netstat). */
export async function stackCounters(where: Namespace): Promise<Readonly<Record<string, number>>> {
  const text = await where.must('cat', '/proc/net/snmp', '/proc/net/netstat');
  const lines = text.trim().split('\n');
  const found: Record<string, number> = {};
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [names, values] = [lines[i]!.split(' '), lines[i + 1]!.split(' ')];
    names.slice(1).forEach((name, k) => (found[`${names[0]!.slice(0, -1)}.${name}`] = Number(values[k + 1])));
  }
  return found;
}
