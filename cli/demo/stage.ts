// The demo's hosts, routers and containers: namespaces and real `mesh` processes.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { StatusDocument } from '../api.js';
import { Namespace, run, Underlay } from './namespace.js';

/** The program itself, to be run by `process.execPath`. */
export const MESH = fileURLToPath(new URL('../main.js', import.meta.url));
/** In the sandbox /run is a tmpfs, so state, sockets and logs go with it. */
const ROOT = '/run/mesh-demo';
const SETTLE_MS = 10_000;

export interface Container {
  readonly name: string;
  readonly host: string;
  readonly netns: Namespace;
  /** Without prefix length. */
  readonly ip: string;
}

const CAST = [
  { host: 'host-1', container: 'web', ip: '10.32.0.1' },
  { host: 'host-2', container: 'api', ip: '10.32.0.2' },
  { host: 'host-3', container: 'db', ip: '10.32.0.3' },
] as const;
const PREFIX_LENGTH = 12;

interface DemoHost {
  readonly name: string;
  readonly netns: Namespace;
  readonly v4: string;
}

export class Stage {
  hosts: readonly DemoHost[] = [];
  containers: readonly Container[] = [];
  #spaces: Namespace[] = [];

  build(): void {
    const keep = (netns: Namespace): Namespace => {
      this.#spaces.push(netns);
      return netns;
    };
    const underlay = new Underlay('demo');
    keep(underlay.wire);
    this.hosts = CAST.map(({ host }) => {
      const netns = keep(new Namespace(host));
      return { name: host, netns, v4: underlay.plug(netns, host).v4 };
    });
    this.containers = CAST.map(({ container, host, ip }) => {
      return { name: container, host, netns: keep(new Namespace(container)), ip };
    });
  }

  async launch(): Promise<void> {
    await Promise.all(
      this.hosts.map(async ({ name }) => {
        mkdirSync(`${ROOT}/${name}`, { recursive: true });
        await this.must(name, 'launch', '--detach', '--name', name, '--state-dir', `${ROOT}/${name}/state`);
      }),
    );
  }

  async connect(): Promise<void> {
    const [first, ...others] = this.hosts;
    const secret = await this.must(first!.name, 'secret', '--bare');
    for (const { name } of others) await this.must(name, 'connect', first!.v4, '--secret', secret);
    await this.#until('every router sees the two others', (doc) => doc.peers.filter(isAlive).length === 2);
  }

  async attach(): Promise<void> {
    await Promise.all(
      this.containers.map(({ host, name, ip }) => this.must(host, 'attach', name, '--ip', `${ip}/${PREFIX_LENGTH}`)),
    );
  }

  /** Resolves when each router knows a round-trip time to each other. @throws Error after 10 s, with the router's reason */
  pathsMeasured(): Promise<void> {
    return this.#until('every path is measured', (doc) => {
      const measured = doc.connections.filter((c) => c.overlay !== 'none' && c.rttMs !== null);
      return measured.length === 2;
    });
  }

  /** @param columns width to draw it in */
  topology(columns: number): Promise<string> {
    return this.must('host-1', 'status', 'topology', { columns });
  }

  /** The command line and environment of `mesh` on a host. */
  mesh(host: string): { readonly argv: readonly string[]; readonly env: NodeJS.ProcessEnv } {
    const netns = this.hosts.find((h) => h.name === host)!.netns;
    return {
      argv: netns.inside([process.execPath, MESH]),
      env: { ...process.env, MESH_SOCKET: socketOf(host), MESH_SECRET: undefined },
    };
  }

  /** @returns stdout, without the last newline. @throws Error with the command's own words */
  async must(host: string, ...args: readonly (string | { readonly columns: number })[]): Promise<string> {
    const columns = args.find((arg) => typeof arg === 'object')?.columns ?? 80;
    const { argv, env } = this.mesh(host);
    const words = args.filter((arg) => typeof arg === 'string');
    const done = await run([...argv, ...words], { ...env, COLUMNS: `${columns}` });
    if (done.code !== 0) throw new Error(`${host}$ mesh ${words.join(' ')}\n${done.stderr.trimEnd()}`);
    return done.stdout.trimEnd();
  }

  async status(host: string): Promise<StatusDocument> {
    return JSON.parse(await this.must(host, 'status', '--json')) as StatusDocument;
  }

  /** What the routers wrote, by host; hosts that wrote nothing are left out. */
  logs(): readonly (readonly [name: string, log: string])[] {
    return this.hosts.flatMap(({ name }) => {
      const path = `${ROOT}/${name}/state/router.log`;
      const log = existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : '';
      return log === '' ? [] : [[name, log] as const];
    });
  }

  /** Kills the routers and removes the namespaces with all that is in them. Idempotent. */
  strike(): void {
    for (const netns of this.#spaces) netns.remove();
    this.#spaces = [];
  }

  async #until(what: string, holds: (doc: StatusDocument) => boolean): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    for (const { name } of this.hosts) {
      for (;;) {
        const doc = await this.status(name);
        if (holds(doc)) break;
        if (performance.now() > until) throw new Error(`not within ${SETTLE_MS / 1000} s: ${what}${why(name, doc)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

export const socketOf = (host: string): string => `${ROOT}/${host}/sock`;

const isAlive = (peer: StatusDocument['peers'][number]): boolean => peer.status === 'alive';

/** What the router itself complains of. */
function why(host: string, doc: StatusDocument): string {
  const complaints = [...doc.problems, ...doc.targets, ...doc.connections, ...doc.peers].map((x) => x.reason);
  return `. ${host} says: ${[...new Set(complaints.filter(Boolean))].join('; ') || 'nothing'}`;
}
