// A laboratory of real hosts: network namespaces on one switch, whose cables can be cut and listened to. Sandbox only.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { must, Namespace, Underlay } from '../../cli/demo/namespace.js';

export { Namespace } from '../../cli/demo/namespace.js';

/** A host: a namespace with `eth0` in the underlay. */
export interface Host {
  readonly name: string;
  readonly netns: Namespace;
  readonly v4: string;
  readonly v6: string;
}

/** What `ping` counted. */
export interface Pings {
  readonly sent: number;
  readonly received: number;
  /** Each round trip, ms, in the order of arrival. */
  readonly rttMs: readonly number[];
}

const RECORDER = fileURLToPath(new URL('./capture-process.js', import.meta.url));

/** The secret of every mesh in a lab, given to its routers by the environment; a test that takes it away says so. */
export const LAB_SECRET = 'legal-winner-thank-year-wave-sausage-worth-useful-legal-winner-thank-yellow';

/** Namespaces left over from one test must not be another's. */
let labs = 0;

/**
 * Makes a lab and takes it down in `after` of the enclosing suite or file, asserting that nothing is left.
 * @throws AssertionError outside a sandbox: tests must not touch the network of the machine
 */
export function createLab(options: { readonly mtu?: number } = {}): Lab {
  assert.equal(process.env.MESH_SANDBOX, '1', 'needs a sandbox: scripts/sandbox.sh node --test FILE');
  const lab = new Lab(`m${process.pid}${labs === 0 ? '' : `x${labs}`}`, options.mtu ?? 1500);
  labs++;
  after(() => lab.close());
  return lab;
}

export class Lab {
  /** A directory for state, sockets, logs and captures. It lies in the sandbox's own /run and goes with it. */
  readonly dir: string;
  readonly #tag: string;
  readonly #underlay: Underlay;
  readonly #hosts = new Map<string, Host>();
  readonly #containers = new Map<string, Namespace>();
  readonly #linksBefore = ownLinks();

  constructor(tag: string, mtu: number) {
    this.#tag = tag;
    process.env.MESH_SECRET ??= LAB_SECRET;
    this.dir = mkdtempSync('/run/mesh-lab-');
    this.#underlay = new Underlay(tag, mtu);
    this.wire.ip('link set wire promisc on'); // or a recording sees only what is flooded
    execFileSync('ip', ['netns', 'exec', this.wire.name, 'nft', '-f', '-'], { input: CUTS });
  }

  /** The namespace of the switch; its bridge is `wire`, its ports are `to-NAME`. */
  get wire(): Namespace {
    return this.#underlay.wire;
  }

  /** The host of that name (at most 12 bytes), made at the first call. Addresses count up from 10.99.0.1 and fd99::1. */
  host(name: string): Host {
    const known = this.#hosts.get(name);
    if (known) return known;
    const netns = new Namespace(`${this.#tag}-${name}`);
    const host = { name, netns, ...this.#underlay.plug(netns, name) };
    this.#hosts.set(name, host);
    return host;
  }

  /** An empty namespace, the target of an attach; made at the first call. */
  container(name: string): Namespace {
    const known = this.#containers.get(name) ?? new Namespace(`${this.#tag}-c-${name}`);
    this.#containers.set(name, known);
    return known;
  }

  /** The container dies: everything in it, then the namespace. */
  removeContainer(name: string): void {
    this.#containers.get(name)?.remove();
    this.#containers.delete(name);
  }

  /** Nothing passes from `from` to `to` any more; the other way is as before. */
  cutOneWay(from: string, to: string): void {
    this.#cuts('add', [[from, to]]);
  }

  cut(a: string, b: string): void {
    this.#cuts('add', pairs([a], [b]));
  }

  heal(a: string, b: string): void {
    // Deleting what is not there is an error, adding what is there is none.
    this.#cuts('add', pairs([a], [b]));
    this.#cuts('delete', pairs([a], [b]));
  }

  /** Nothing passes between the two sides. */
  partition(one: readonly string[], other: readonly string[]): void {
    this.#cuts('add', pairs(one, other));
  }

  healAll(): void {
    this.#nft('flush set bridge lab cut');
  }

  /** Drops frames for a host at random. @param percent 0 .. 100; 0 ends it */
  lose(to: string, percent: number): void {
    this.#nft(`flush chain bridge lab loss-${to}`, true);
    this.#nft(`add chain bridge lab loss-${to} { type filter hook forward priority 1; }`);
    if (percent > 0)
      this.#nft(`add rule bridge lab loss-${to} oifname to-${to} numgen random mod 100 < ${percent} drop`);
  }

  /** Records all that crosses the switch, or another link, from now on. */
  async capture(netns: Namespace = this.wire, link = 'wire'): Promise<Capture> {
    const file = join(this.dir, `capture-${++this.#captures}.pcap`);
    const child = netns.start([process.execPath, RECORDER, file, link], ['ignore', 'pipe', 'inherit']);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        resolve();
      });
      child.once('exit', () => reject(new Error('the recording did not start')));
    });
    return new Capture(file, async () => {
      child.kill('SIGINT');
      assert.equal(await ended, 0, `the recording has holes: ${said}`);
    });
  }
  #captures = 0;

  close(): void {
    for (const ns of [...this.#containers.values(), ...[...this.#hosts.values()].map((h) => h.netns), this.wire])
      ns.remove();
    const left = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    assert.ok(!left.includes(`${this.#tag}-`), `namespaces are left: ${left}`);
    assert.deepEqual(ownLinks(), this.#linksBefore, 'links are left beside the hosts');
  }

  #cuts(verb: 'add' | 'delete', cuts: readonly (readonly [string, string])[]): void {
    const elements = cuts.map(([from, to]) => `"to-${from}" . "to-${to}"`).join(', ');
    this.#nft(`${verb} element bridge lab cut { ${elements} }`);
  }

  #nft(command: string, mayFail = false): void {
    try {
      execFileSync('ip', ['netns', 'exec', this.wire.name, 'nft', command], { stdio: mayFail ? 'ignore' : 'pipe' });
    } catch (error) {
      if (!mayFail) throw error;
    }
  }
}

const CUTS = `table bridge lab {
  set cut { type ifname . ifname; }
  chain cuts { type filter hook forward priority 0; iifname . oifname @cut counter drop; }
}`;

const pairs = (one: readonly string[], other: readonly string[]): [string, string][] =>
  one.flatMap((a) => other.flatMap((b): [string, string][] => [[a, b], [b, a]])); // prettier-ignore

/** Links of the sandbox itself, where a leak of a veth or a bridge would land. */
const ownLinks = (): string[] => execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' }).split('\n').map((line) => line.split(/[ @]/)[0]!); // prettier-ignore

/** Recorded frames. Read it as often as you like once it is stopped. */
export class Capture {
  readonly file: string;
  #stop: (() => Promise<void>) | undefined;

  constructor(file: string, stop: () => Promise<void>) {
    this.file = file;
    this.#stop = stop;
  }

  /** Ends the recording. Idempotent. @throws AssertionError if the kernel dropped frames on the way */
  async stop(): Promise<void> {
    const stop = this.#stop;
    this.#stop = undefined;
    await stop?.();
  }

  /**
   * One line a frame, link headers included, as tcpdump prints it.
   * @param filter in tcpdump's words. @param as how to decode UDP on any port: `vxlan` shows the inner frame too
   */
  async lines(filter = '', as?: 'vxlan'): Promise<string[]> {
    await this.stop();
    const decode = as === undefined ? [] : ['-T', as];
    // Not as root, for whom tcpdump gives up privileges first, which a user namespace does not let it do.
    const text = await must([
      'unshare',
      '--user',
      'tcpdump',
      '-enr',
      this.file,
      ...decode,
      ...filter.split(' ').filter(Boolean),
    ]);
    return text.split('\n').filter(Boolean);
  }
}

/** Pings `address` from inside `from`. @param intervalMs below 2 needs root's say, which a sandbox gives */
export function ping(from: Namespace, address: string, count = 3, intervalMs = 100): Promise<Pings> {
  const argv = ['ping', '-n', '-c', `${count}`, '-i', `${intervalMs / 1000}`, '-W', '1', address];
  return from.run(...argv).then(({ stdout, stderr }) => {
    const total = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
    assert.ok(total, `ping ${address}: ${stdout}${stderr}`);
    const rttMs = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]));
    return { sent: Number(total[1]), received: Number(total[2]), rttMs };
  });
}

/** Asks again every 20 ms until `probe` gives something. @throws Error after `withinMs`, naming what was waited for */
export async function eventually<T>(what: string, withinMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const until = performance.now() + withinMs;
  for (let last: unknown; ;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last });
    await sleep(20);
  }
}
