// Meshes whose overlay is chosen, forced or blocked, and broadcasts counted where they arrive.
import assert from 'node:assert/strict';
import type { ConnectionStatus } from '../../cli/api.js';
import { eventually, type Lab, type Namespace } from './netns.js';
import { allSeeAll, launchRouter, type RouterProcess } from './router-process.js';

/** A founder and those that join it. @param flags of each one's `mesh launch` */
export async function launchMesh(
  lab: Lab,
  flags: Readonly<Record<string, readonly string[]>>,
): Promise<readonly RouterProcess[]> {
  const [first, ...rest] = Object.entries(flags);
  const founder = await launchRouter(lab, lab.host(first![0]), ...first![1]);
  const others = rest.map(([name, own]) => launchRouter(lab, lab.host(name), founder.host.v4, ...own));
  const all = [founder, ...(await Promise.all(others))];
  await allSeeAll(all, 60_000);
  return all;
}

/** What `router` says of its connection to `peer`. */
export async function connection(router: RouterProcess, peer: RouterProcess): Promise<ConnectionStatus> {
  const { connections } = await router.status();
  const found = connections.find((c) => c.name === peer.host.name);
  assert.ok(found, `${router.host.name} has no connection to ${peer.host.name}`);
  return found;
}

/** Until both send to each other over the overlay. @returns after how many ms */
export async function carriedBy(
  overlay: 'vxlan' | 'sleeve' | 'relay',
  a: RouterProcess,
  b: RouterProcess,
  withinMs = 30_000,
): Promise<number> {
  const since = performance.now();
  await eventually(`${a.host.name} and ${b.host.name} use the ${overlay}`, withinMs, async () => {
    const both = await Promise.all([connection(a, b), connection(b, a)]);
    return both.every((c) => c.overlay === overlay) ? true : undefined;
  });
  return performance.now() - since;
}

/** Until the sleeve to the peer is up beside the vxlan that carries: there are keys, and its probes are answered. */
export async function sleeveStands(router: RouterProcess): Promise<void> {
  await eventually(`the sleeve of ${router.host.name} stands`, 30_000, async () => {
    const { counters } = await router.status();
    return (counters['datapath.sleeve-rx-probes'] ?? 0) > 0 ? true : undefined;
  });
}

/** No VXLAN comes in any more. @param from of this host only */
export const blockVxlan = (router: RouterProcess, from?: RouterProcess): Promise<string> =>
  router.host.netns.must(
    'nft',
    `table inet block { chain in { type filter hook input priority -400;
      ${from === undefined ? '' : `ip saddr ${from.host.v4}`} udp dport 6785 drop; }; }`,
  );

export const unblock = (router: RouterProcess): Promise<string> =>
  router.host.netns.must('nft', 'delete', 'table', 'inet', 'block');

const HEAR = `let n=0;const s=require('node:dgram').createSocket('udp4');s.on('message',(m)=>{if(m.length===7)n++});
s.bind(4242,'0.0.0.0',()=>console.log('listens'));setTimeout(()=>{console.log(n);process.exit(0)},Number(process.argv[1]))`;
const SPEAK = `const s=require('node:dgram').createSocket('udp4');s.bind(0,()=>{s.setBroadcast(true);let n=0;
const go=()=>n++<10?s.send('1234567',4242,'10.47.255.255',()=>setTimeout(go,20)):process.exit(0);go()})`;

/** Ten broadcasts from a container of 10.32.0.0/12. @returns how many each of the others heard */
export async function broadcastHeard(from: Namespace, others: readonly Namespace[]): Promise<readonly number[]> {
  const all = others.map(async (container) => {
    const child = container.start([process.execPath, '-e', HEAR, '6000'], ['ignore', 'pipe', 'inherit']);
    let text = '';
    const ended = new Promise<void>((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) =>
      child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        resolve();
      }),
    );
    return async (): Promise<number> => {
      await ended;
      return Number(text.trim().split('\n').at(-1));
    };
  });
  const listening = await Promise.all(all);
  await from.must(process.execPath, '-e', SPEAK);
  return Promise.all(listening.map((count) => count()));
}

/** iperf3 both ways at once for some seconds. @returns what arrived at either end, bit/s; 0 if it broke */
export async function bothWays(
  from: Namespace,
  to: Namespace,
  address: string,
  seconds: number,
  ...args: readonly string[]
): Promise<readonly [out: number, back: number]> {
  const server = to.start(['iperf3', '--server', '--one-off'], 'ignore');
  try {
    const text = await eventually('iperf3 runs', 10_000 + seconds * 1_000, async () => {
      const argv = ['iperf3', '--json', '--bidir', '--client', address, '--time', `${seconds}`, ...args];
      const { code, stdout } = await from.run(...argv);
      return code === 0 && stdout.includes('"sum_received') ? stdout : undefined;
    });
    const { end } = JSON.parse(text) as { end: Record<string, { bits_per_second: number }> };
    return [end['sum_received']!.bits_per_second, end['sum_received_bidir_reverse']!.bits_per_second];
  } finally {
    server.kill();
  }
}
