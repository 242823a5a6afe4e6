// A terminal, a router and a process that remember what was asked of them.
import { runCli } from '../../cli/program.js';
import type { RouterClient } from '../../cli/client.js';
import type { Deps, Io } from '../../cli/command.js';
import type { LaunchConfig } from '../../cli/options.js';
import type { EndpointStatus } from '../../cli/api.js';
import { document, rotating, rotation } from './documents.js';

export const endpoint = (change: Partial<EndpointStatus> = {}): EndpointStatus => ({
  id: 'web-1',
  network: 'mesh',
  mac: '02:6d:00:00:00:01',
  ips: ['10.32.0.1/12', 'fd32::1/64'],
  allowSpoof: false,
  denied: 0,
  ifname: 'mesh0',
  target: 'web',
  state: 'attached',
  reason: '',
  remedy: '',
  ...change,
});

/** One call of a client method: `['forget', ['db1']]`. */
export type Call = readonly [string, ...unknown[]];

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What reached the router. */
  readonly calls: readonly Call[];
  readonly launched: LaunchConfig | undefined;
  /** Where the client was to find the router. */
  readonly socket: string | undefined;
}

export interface World {
  readonly router?: Partial<RouterClient>;
  readonly deps?: Partial<Deps>;
  readonly env?: Io['env'];
  readonly hostname?: string;
}

/** Every method answers as a willing router would; `answers` replaces some. */
function fakeRouter(calls: Call[], answers: Partial<RouterClient>): RouterClient {
  const willing: RouterClient = {
    status: () => Promise.resolve(document()),
    report: () => Promise.resolve({ schema: 1, everything: true }),
    connect: (peers) => Promise.resolve(peers.map((peer) => ({ peer }))),
    secret: () => Promise.resolve({ secret: 'able-zoo-7', founded: false, peer: '10.0.0.1', rotation: null }),
    rotate: (secret) => Promise.resolve(rotating({ secret: secret ?? 'new-zoo-8' })),
    rotated: () => Promise.resolve(rotation({ isOver: true, without: [], oldEndsMs: null })),
    forget: (peers) => Promise.resolve(peers.map((peer) => ({ peer }))),
    evict: (peers) => Promise.resolve(peers.map((peer) => ({ peer }))),
    attach: () => Promise.resolve({ endpoint: endpoint(), warnings: [] }),
    endpointPut: () => Promise.resolve({ endpoint: endpoint(), warnings: [], created: true }),
    endpointJoin: () => Promise.resolve(endpoint()),
    endpointDelete: () => Promise.resolve(),
    detach: () => Promise.resolve([endpoint()]),
    expose: (_network, ips) => Promise.resolve(ips),
    hide: (_network, ips) => Promise.resolve(ips),
    stop: () => Promise.resolve(),
    reset: () => Promise.resolve(),
    gone: () => Promise.resolve(true),
  };
  const recorded = Object.entries({ ...willing, ...answers }).map(([name, method]) => [
    name,
    (...args: unknown[]) => (calls.push([name, ...args]), (method as (...given: unknown[]) => unknown)(...args)),
  ]);
  return Object.fromEntries(recorded) as RouterClient;
}

/** Runs `mesh ARGV` in a world where all goes well, but for what `world` says. */
export async function mesh(argv: readonly string[], world: World = {}): Promise<Run> {
  const [out, err, calls]: [string[], string[], Call[]] = [[], [], []];
  let [launched, socket]: [LaunchConfig | undefined, string | undefined] = [undefined, undefined];
  const launch = (config: LaunchConfig): Promise<number> => {
    launched = config;
    return Promise.resolve(0);
  };
  const code = await runCli(
    argv,
    {
      out: (text) => out.push(`${text}\n`),
      err: (text) => err.push(`${text}\n`),
      env: world.env ?? {},
      columns: 80,
      colour: false,
    },
    {
      router: (path) => {
        socket = path;
        return Promise.resolve(fakeRouter(calls, world.router ?? {}));
      },
      runRouter: launch,
      launchInBackground: (config) => (calls.push(['background']), launch(config)),
      runDemo: (options) => (calls.push(['demo', options]), Promise.resolve(0)),
      hostname: () => world.hostname ?? 'alpha',
      conceal: () => true,
      readInput: () => '',
      ...world.deps,
    },
  );
  return { code, out: out.join(''), err: err.join(''), calls, launched, socket };
}
