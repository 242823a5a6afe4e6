// A switch that brings frames out of order. Linux without netem has no way of its own to do it.
//
//   to-a ──┬──────────────────────────┬── to-b
//          └─ one in N ─► TAP ─ later ┘
import type { Lab } from './netns.js';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./late-frames-process.js', import.meta.url));
const TAP = 'late';

/** @param percent of the frames between the two that are late, and of them some twice. @returns ends it */
export async function disorder(
  lab: Lab,
  a: string,
  b: string,
  percent: number,
  seed: number,
): Promise<() => Promise<void>> {
  const { wire } = lab;
  const child = wire.start([process.execPath, SCRIPT, TAP, `${seed}`], ['ignore', 'pipe', 'inherit']);
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the detour does not work')));
  });
  wire.ip(`link set ${TAP} mtu 65000 addrgenmode none master wire up`);
  await wire.must('bridge', 'link', 'set', 'dev', TAP, 'learning', 'off', 'flood', 'off', 'mcast_flood', 'off');
  const chain = (host: string): string =>
    `chain ${host} { type filter hook ingress device to-${host} priority 0; meta protocol { ip, ip6 } numgen random mod 100 < ${percent} fwd to ${TAP}; };`;
  await wire.must('nft', `table netdev disorder { ${chain(a)} ${chain(b)} }`);
  return async () => {
    await wire.must('nft', 'delete table netdev disorder');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    wire.ip(`link del ${TAP}`);
  };
}
