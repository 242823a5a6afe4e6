// `mesh launch` as a process: the router runs until it is stopped, killed, or fails by its own fault.
import { Log } from '../../router/index.js';
import { EXIT, type Io } from '../command.js';
import type { LaunchConfig } from '../options.js';
import { launchFailure } from './failures.js';
import { boundHeap } from './heap.js';
import { launchRouter } from './launch.js';
import { routes } from './routes.js';

/** Runs a router in the foreground until it is stopped. @returns the exit code. @throws Failure before anything was changed */
export async function runRouter(config: LaunchConfig, io: Io): Promise<number> {
  boundHeap();
  const log = new Log({ format: config.logFormat, write: (line) => io.err(line.replace(/\n$/, '')) });
  let finish: (code: number) => void = () => undefined;
  const finished = new Promise<number>((resolve) => (finish = resolve));
  const onBug = (e: unknown): void => {
    // Our own fault: the kernel goes on forwarding, a supervisor starts us anew.
    log.write('bug', { message: (e as Error).message });
    if (io.env.MESH_DEBUG === '1') io.err((e as Error).stack ?? '');
    finish(EXIT.bug);
  };
  const daemon = await launchRouter(config, log, () => finish(EXIT.done)).catch((e: unknown) => {
    throw launchFailure(e);
  });
  const onSignal = (): void => void daemon.stop().catch(onBug);
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', onBug).on('unhandledRejection', onBug);
  daemon.control.serve(routes(daemon));
  log.write('launched', { name: config.name, id: daemon.identity.id, socket: config.socket });
  const code = await finished;
  daemon.control.close();
  process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  return code;
}
