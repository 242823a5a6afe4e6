// A router whose vxlan is turned to and from by its parent's word, not by probes: everything else of it is as it is. At a word
// the vxlan is called too narrow, so that the sleeve takes over at once, and whole again, so that it is taken back when it has
// held for as long as the router wants (a second).
//
//   usage: switched-router-process.js NAME STATE-DIR SOCKET MTU [PEER...]
import type { Paths } from '../../datapath/paths/paths.js';
import { newPath, type Path } from '../../datapath/paths/probe/path-state.js';
import { launchRouter } from '../../cli/daemon/launch.js';
import { routes } from '../../cli/daemon/routes.js';
import { DEFAULT_PORT } from '../../cli/options.js';
import { parseSecret } from '../../router/trust/secret.js';
import { Log } from '../../router/index.js';
import type { Millis, PathReport, PeerForward, PeerId } from '../../router/types.js';

/** Paths that nobody probes: each is up, and as wide as it is said to be. */
class SwitchedPaths implements Paths {
  readonly #peers = new Set<PeerId>();
  #tell: (peer: PeerId, path: Path) => void = () => undefined;
  #ceiling = 0;

  onStirred(listener: (peer: PeerId, path: Path) => void): void {
    this.#tell = listener;
  }

  setPeer(peer: PeerId, value: PeerForward | undefined): void {
    this.#peers.delete(peer);
    if (value === undefined) return;
    this.#peers.add(peer);
    queueMicrotask(() => this.#say(peer, this.#ceiling)); // who asks does not know the peer yet
  }

  setCeiling(bytes: number): void {
    this.#ceiling = bytes;
    for (const peer of this.#peers) this.#say(peer, bytes);
  }

  turn(): void {
    for (const peer of this.#peers) for (const mtu of [this.#ceiling - 1, this.#ceiling]) this.#say(peer, mtu);
  }

  paths(): readonly PathReport[] {
    const report = { state: 'up', reason: '', remedy: '', rttMs: undefined, mtu: this.#ceiling } as const;
    return [...this.#peers].map((peer) => ({
      peer,
      overlay: 'vxlan',
      ...report,
      txBytes: undefined,
      rxBytes: undefined,
    }));
  }

  start = (): Promise<void> => Promise.resolve();
  carried(): undefined {}
  capabilities = (): [] => [];
  counters = (): Record<string, number> => ({});
  announce(): void {}
  setBridges(): void {}
  onTraffic(): void {}
  hurry(): void {}
  rest(): void {}
  stop(): void {}
  reset = (): Promise<void> => Promise.resolve();

  #say(peer: PeerId, mtu: number): void {
    const now = performance.now() as Millis;
    this.#tell(peer, { ...newPath(true, now), kind: 'up', heardAt: now, mtu });
  }
}

const [name = '', stateDir = '', socket = '', mtu = '', ...peers] = process.argv.slice(2);
const vxlan = new SwitchedPaths();
const log = new Log({ format: 'text', write: (line) => process.stderr.write(line) });
const config = { listen: undefined, advertise: [], port: DEFAULT_PORT, range: undefined, overlay: 'auto' } as const;
const secret = parseSecret(process.env.MESH_SECRET ?? '');
if (secret.kind === 'fault') throw new Error(secret.why);
const daemon = await launchRouter(
  { ...config, name, stateDir, socket, mtu: Number(mtu), logFormat: 'text', peers, secret },
  log,
  () => process.exit(0),
  { paths: vxlan },
);
daemon.control.serve(routes(daemon));
process.on('message', () => vxlan.turn());
process.on('disconnect', () => process.exit(0));
