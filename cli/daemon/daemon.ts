// `mesh launch` as a process: the router runs until it is stopped, killed, or fails by its own fault.
import { setFlagsFromString } from 'node:v8';
import { Log } from '../../router/index.js';
import { EXIT, type Io } from '../command.js';
import type { LaunchConfig } from '../options.js';
import { launchFailure } from './failures.js';
import { launchRouter } from './launch.js';
import { routes } from './routes.js';

/**
 * How far the heap may grow over what is in use before it is collected, in percent. Left alone V8 lets it come to several
 * times that, and a router at rest does not collect it afterwards: 100,000 endpoints of a peer cost 371 MB, not 234.
 */
const HEAP_GROWTH_PERCENT = 20;

/** Runs a router in the foreground until it is stopped. @returns the exit code. @throws Failure before anything was changed */
export async function runRouter(config: LaunchConfig, io: Io): Promise<number> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
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
