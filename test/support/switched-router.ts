// A router that carries by vxlan or sleeve as a test says (`switched-router-process.ts`), and what it did.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, type Host, type Lab } from './netns.js';
import { RouterProcess } from './router-process.js';

const SCRIPT = fileURLToPath(new URL('./switched-router-process.js', import.meta.url));

export interface SwitchedRouter {
  /** For its commands and its status. */
  readonly router: RouterProcess;
  /** To the sleeve now, and back when the vxlan has held for a second. */
  turn(): void;
}

/** @param peers that it dials. It ends with the lab */
export async function launchSwitched(
  lab: Lab,
  host: Host,
  mtu: number,
  ...peers: readonly string[]
): Promise<SwitchedRouter> {
  const router = new RouterProcess(lab, host);
  const log = openSync(join(router.stateDir, '../log'), 'a');
  const argv = [process.execPath, SCRIPT, host.name, router.stateDir, router.socket, `${mtu}`, ...peers];
  const child = host.netns.start(argv, ['ignore', log, log, 'ipc']);
  closeSync(log);
  let isRunning = true;
  child.once('exit', () => (isRunning = false));
  await eventually(`router ${host.name} serves its socket`, 10_000, async () => {
    if (!isRunning) throw new Error(router.logTail());
    return (await router.client.status()).self.name;
  });
  return { router, turn: () => void child.send('turn') };
}

/** How often its data have changed the overlay so far. */
export async function pathChanges({ router }: SwitchedRouter): Promise<number> {
  const { counters } = await router.status();
  return (counters['datapath.overlay-narrow'] ?? 0) + (counters['datapath.overlay-better'] ?? 0);
}

/** What left by each overlay so far, bytes. */
export async function carriedBytes({
  router,
}: SwitchedRouter): Promise<{ readonly vxlan: number; readonly sleeve: number }> {
  const of = async (link: string, direction: 'rx' | 'tx'): Promise<number> => {
    const text = await router.host.netns.must('ip', '-j', '-s', 'link', 'show', 'dev', link);
    return (JSON.parse(text) as [{ stats64: Record<'rx' | 'tx', { bytes: number }> }])[0].stats64[direction].bytes;
  };
  return { vxlan: await of('mv-mesh', 'tx'), sleeve: await of('ms-mesh', 'tx') };
}
