// A router as a user runs it: `mesh launch` as a process of its own in a host's namespace, and the commands against it.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StatusDocument } from '../../cli/api.js';
import { createClient, type RouterClient } from '../../cli/client.js';
import { run, type Done } from '../../cli/demo/namespace.js';
import { eventually, type Host, type Lab } from './netns.js';

const MESH = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START_WITHIN_MS = 10_000;
const LOG_TAIL_LINES = 60;

/** Routers whose log is printed when this test file fails. */
const launched: RouterProcess[] = [];

process.on('exit', (code) => {
  if (code === 0) return;
  for (const router of launched) console.error(`---- log of router ${router.host.name} ----\n${router.logTail()}`);
});

/** Starts a router on `host` and waits until its socket answers. @param args of `mesh launch`: peers and flags */
export async function launchRouter(lab: Lab, host: Host, ...args: readonly string[]): Promise<RouterProcess> {
  const router = new RouterProcess(lab, host);
  launched.push(router);
  await router.launch(...args);
  return router;
}

export class RouterProcess {
  readonly host: Host;
  readonly stateDir: string;
  readonly socket: string;
  readonly client: RouterClient;
  readonly #log: string;
  #child: ChildProcess | undefined;

  constructor(lab: Lab, host: Host) {
    const dir = join(lab.dir, host.name);
    mkdirSync(dir, { recursive: true });
    this.host = host;
    this.stateDir = join(dir, 'state');
    this.socket = join(dir, 'sock');
    this.client = createClient(this.socket);
    this.#log = join(dir, 'log');
  }

  get pid(): number {
    assert.ok(this.#child?.pid, `router ${this.host.name} does not run`);
    return this.#child.pid;
  }

  /** Starts it (again), with the state directory it had. @throws Error with the log's tail if it does not serve its socket */
  async launch(...args: readonly string[]): Promise<void> {
    const log = openSync(this.#log, 'a');
    const own = ['--name', this.host.name, '--state-dir', this.stateDir, '--socket', this.socket];
    const child = this.host.netns.start([process.execPath, MESH, 'launch', ...own, ...args], ['ignore', log, log]);
    closeSync(log);
    this.#child = child;
    child.once('exit', () => (this.#child = this.#child === child ? undefined : this.#child));
    try {
      await eventually(`router ${this.host.name} serves its socket`, START_WITHIN_MS, async () => {
        if (this.#child === undefined) return 'ended';
        return (await this.client.status()).self.name;
      });
      assert.ok(this.#child, 'it ended');
    } catch (error) {
      throw new Error(`router ${this.host.name} did not start:\n${this.logTail()}`, { cause: error });
    }
  }

  /** Runs `mesh ARGS` on this host, as a user would. */
  mesh(...args: readonly string[]): Promise<Done> {
    const argv = [process.execPath, MESH, ...args];
    return run(this.host.netns.inside(argv), { ...process.env, MESH_SOCKET: this.socket, COLUMNS: '80' });
  }

  /** As `mesh`. @returns stdout. @throws AssertionError with the router's words if it fails */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.mesh(...args);
    assert.equal(code, 0, `mesh ${args.join(' ')} on ${this.host.name}: ${stderr}`);
    return stdout;
  }

  status(macs = false): Promise<StatusDocument> {
    return this.client.status({ macs });
  }

  /** SIGKILL: no farewell. Resolves when the process is gone. */
  kill9(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** SIGTERM, as an init system stops it. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Freezes the process, as a host under load does; it hears nothing until `thaw`. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
  }

  logTail(): string {
    return this.log().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

/** Waits until each router sees each of the others alive. @throws Error after `withinMs` */
export async function allSeeAll(routers: readonly RouterProcess[], withinMs: number): Promise<void> {
  const names = routers.map((r) => r.host.name);
  await eventually(`all of ${names.join(' ')} see all`, withinMs, async () => {
    const documents = await Promise.all(routers.map((r) => r.status()));
    const sees = (doc: StatusDocument, name: string): boolean =>
      doc.self.name === name || doc.peers.some((p) => p.name === name && p.status === 'alive');
    return documents.every((doc) => names.every((name) => sees(doc, name))) ? true : undefined;
  });
}
