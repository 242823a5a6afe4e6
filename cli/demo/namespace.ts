// Network namespaces as hosts and containers, in iproute2's words. For the demo and the tests, in a sandbox only.
import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';

/** How a command ended. `code` is 128 + the signal's number when one killed it, as in a shell. */
export interface Done {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs to the end. A program that is not there is code 127, as in a shell. */
export function run(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Done> {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ ...text, code: 127, stderr: error.message }));
    child.on('close', (code, signal) => resolve({ ...text, code: code ?? 128 + SIGNALS.indexOf(signal ?? '') }));
  });
}

const SIGNALS = [
  '',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  '',
  '',
  'SIGABRT',
  '',
  '',
  'SIGKILL',
  '',
  '',
  '',
  '',
  '',
  'SIGTERM',
];

/** @throws Error with the command and its complaint if it fails */
export async function must(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
  const done = await run(argv, env);
  if (done.code !== 0)
    throw new Error(`${argv.join(' ')}: ${(done.stderr || done.stdout).trim() || `exit ${done.code}`}`);
  return done.stdout;
}

/** Runs iproute2 lines (`link add …`, without the `ip`) in one process, in namespace `netns` if given. @throws Error */
export function ip(lines: readonly string[], netns?: string): void {
  const argv = [...(netns === undefined ? [] : ['-n', netns]), '-b', '-'];
  const done = spawnSync('ip', argv, { input: lines.join('\n'), encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`ip ${argv.join(' ')}: ${done.stderr.trim()} in\n${lines.join('\n')}`);
}

/** A named network namespace, made by the constructor, `lo` up. */
export class Namespace {
  readonly name: string;
  readonly path: string;

  constructor(name: string) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    ip([`netns add ${name}`]);
    ip(['link set lo up'], name);
  }

  ip(...lines: readonly string[]): void {
    ip(lines, this.name);
  }

  /** The command line that runs `argv` in here; it becomes the process, so its pid is the program's. */
  inside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  run(...argv: readonly string[]): Promise<Done> {
    return run(this.inside(argv));
  }

  /** @returns stdout. @throws Error if it fails */
  must(...argv: readonly string[]): Promise<string> {
    return must(this.inside(argv));
  }

  start(argv: readonly string[], stdio: StdioOptions, env: NodeJS.ProcessEnv = process.env): ChildProcess {
    const [command, ...args] = this.inside(argv);
    return spawn(command!, args, { stdio, env });
  }

  /** Kills whatever runs in here, then removes it. Idempotent. */
  remove(): void {
    const pids = spawnSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
    for (const pid of pids) if (Number(pid) !== process.pid) kill(Number(pid));
    spawnSync('ip', ['netns', 'del', this.name]);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** An IPv4 and an IPv6 address, without prefix length. */
export interface HostAddress {
  readonly v4: string;
  readonly v6: string;
}

/** Hosts on one switch: the underlay, 10.99.0.0/24 and fd99::/64, in a namespace of its own. */
export class Underlay {
  readonly wire: Namespace;
  readonly #mtu: number;
  #hosts = 0;

  /** @param tag prefix of the namespaces' names, so that several can live side by side. @param mtu bytes */
  constructor(tag: string, mtu = 1500) {
    this.wire = new Namespace(`${tag}-wire`);
    this.#mtu = mtu;
    this.wire.ip(`link add wire mtu ${mtu} type bridge mcast_snooping 0`, 'link set wire addrgenmode none up');
  }

  /** Plugs a namespace in: `eth0` there, `to-NAME` here. At most 250 of them; `label` at most 12 bytes. */
  plug(host: Namespace, label: string): HostAddress {
    const n = ++this.#hosts;
    const address = { v4: `10.99.0.${n}`, v6: `fd99::${n.toString(16)}` };
    this.wire.ip(
      `link add to-${label} mtu ${this.#mtu} type veth peer name eth0 mtu ${this.#mtu} netns ${host.name}`,
      `link set to-${label} addrgenmode none master wire up`,
    );
    host.ip(`addr add ${address.v4}/24 dev eth0`, `addr add ${address.v6}/64 dev eth0 nodad`, 'link set eth0 up');
    return address;
  }
}
