// One host of the mesh under chaos: a router process that is kept running as an init system would, a state directory on a small
// file system of its own, and a container.
import { execFileSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type RouterClient } from '../../cli/client.js';
import type { Namespace } from '../../cli/demo/namespace.js';
import { MESH } from '../../cli/demo/stage.js';
import type { Host, Lab } from '../../test/support/netns.js';

const DISK_BYTES = 2 << 20;
/** A router that ended is launched again after this, ms: systemd's Restart=always with RestartSec=1. */
const RESTART_MS = 1_000;
const POLL_MS = 250;
const ANSWER_MS = 5_000;
const LOG_TAIL_LINES = 30;

/** A router that ended and was not asked to. */
export interface Crash {
  readonly host: string;
  readonly atMs: number;
  readonly how: string;
  readonly log: readonly string[];
}

export class ChaosRouter {
  readonly host: Host;
  readonly container: Namespace;
  readonly ip: string;
  readonly client: RouterClient;
  readonly crashes: Crash[] = [];
  /** A launch that was refused, for want of disk. */
  refusals = 0;
  mac = '';
  /** For the times of crashes, ms. */
  clock: () => number = () => NaN;
  readonly #argv: readonly string[];
  readonly #disk: string;
  readonly #log: string;
  readonly #socket: string;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #isWanted = false;
  /** Its end is our doing. */
  #isKilled = false;
  #isDiskFull = false;

  /** @param args of `mesh launch` */
  constructor(lab: Lab, index: number, args: readonly string[]) {
    this.host = lab.host(`h${index}`);
    this.container = lab.container(`c${index}`);
    this.ip = `10.32.${(index + 1) >> 8}.${(index + 1) & 255}`;
    const dir = join(lab.dir, this.host.name);
    this.#disk = join(dir, 'disk');
    mkdirSync(this.#disk, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', this.#disk]);
    this.#log = join(dir, 'log');
    this.#socket = join(dir, 'sock');
    this.client = createClient(this.#socket);
    const own = ['--name', this.host.name, '--state-dir', join(this.#disk, 'state'), '--socket', this.#socket];
    this.#argv = [process.execPath, MESH, 'launch', ...own, ...args];
  }

  /** Starts it, once the one before it has ended; from now on it is started again whenever it ends, but for `kill`. */
  launch(): void {
    this.#isWanted = true;
    clearTimeout(this.#restart);
    // One that was killed may be late to die on a busy machine: two would fight for the state directory.
    if (this.#child === undefined) this.#spawn();
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGKILL; it stays away until `launch`. */
  kill(): void {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    this.#isKilled = this.#child !== undefined;
    this.#child?.kill('SIGKILL');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  fillDisk(): void {
    this.#isDiskFull = true;
    const file = openSync(this.#ballast, 'w');
    const chunk = Buffer.alloc(1 << 16);
    try {
      for (;;) writeSync(file, chunk);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'ENOSPC') throw e;
    } finally {
      closeSync(file);
    }
  }

  emptyDisk(): void {
    rmSync(this.#ballast, { force: true });
    this.#isDiskFull = false;
  }

  /** Resolves when it serves its socket. @throws Error with the end of its log after `withinMs` */
  async serves(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    for (;;) {
      // Not its status: of thirty routers that costs a young one a fifth of a second of processor.
      if (await answers(this.#socket)) return;
      if (performance.now() > until)
        throw new Error(`${this.host.name} does not serve its socket:\n${this.logTail().join('\n')}`);
      await sleep(POLL_MS);
    }
  }

  async attach(): Promise<void> {
    const { endpoint } = await this.client.attach({ target: this.container.name, ips: [`${this.ip}/12`] });
    this.mac = endpoint.mac;
  }

  logTail(): string[] {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
  }

  /** Ends it for good, and takes its disk away. */
  close(): void {
    this.kill();
    execFileSync('umount', ['--lazy', this.#disk]);
  }

  #spawn(): void {
    const log = openSync(this.#log, 'a');
    this.#child = this.host.netns.start(this.#argv, ['ignore', log, log]);
    closeSync(log);
    this.#child.once('exit', (code, signal) => this.#ended(code, signal));
  }

  #ended(code: number | null, signal: string | null): void {
    const wasKilled = this.#isKilled;
    this.#child = undefined;
    this.#isKilled = false;
    if (!this.#isWanted) return;
    if (wasKilled) return this.#spawn();
    // What a full disk refuses at a launch is no crash: one sentence, exit 1.
    if (this.#isDiskFull && code === 1) this.refusals++;
    else {
      const how = signal ?? `exit ${code}`;
      this.crashes.push({ host: this.host.name, atMs: this.clock(), how, log: this.logTail() });
    }
    this.#restart = setTimeout(() => this.launch(), RESTART_MS);
  }

  get #ballast(): string {
    return join(this.#disk, 'ballast');
  }
}

/** Does anything answer the socket, were it that there is no such thing? */
const answers = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ socketPath, path: '/', timeout: ANSWER_MS }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false)).end();
  });
