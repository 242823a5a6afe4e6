// `mesh demo`: three hosts on this machine, joined, measured and taken down again. The first thing a newcomer sees.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EXIT, type Io } from '../command.js';
import { measureThroughput, pingAllPairs } from './measure.js';
import { openShell } from './shell.js';
import { MESH, Stage } from './stage.js';

const SANDBOX = fileURLToPath(new URL('../../../scripts/sandbox.sh', import.meta.url));
const INDENT = '    ';
const WIDTH = 80;
const LOG_TAIL_LINES = 12;
const THROUGHPUT_S = 3;

/** @returns 0 when every container reached every other, 1 with the routers' last words otherwise */
export function runDemo(options: { readonly keep: boolean }, io: Io): Promise<number> {
  return io.env.MESH_SANDBOX === '1' ? play(options, io) : replayInSandbox(options);
}

/** Starts over in namespaces that die with us, whatever ends us. */
function replayInSandbox({ keep }: { readonly keep: boolean }): Promise<number> {
  const again = ['bash', SANDBOX, process.execPath, MESH, 'demo', ...(keep ? ['--keep'] : [])];
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...again], { stdio: 'inherit' });
  // Ctrl-C reaches the child by itself, being in our process group: all there is to do is to wait for it.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

async function play(options: { readonly keep: boolean }, io: Io): Promise<number> {
  const startedAt = performance.now();
  const stage = new Stage();
  const step = stepper(io);
  io.out('mesh demo: three hosts on this machine, each a network namespace with a router of');
  io.out('its own, and a container on each. Nothing outside of it is touched.\n');
  try {
    await acts(stage, step, io);
    if (options.keep) await openShell(stage, io);
  } catch (error) {
    tellFailure(error, stage, io);
    return EXIT.refused;
  } finally {
    await step('take everything down', () => Promise.resolve(stage.strike()));
  }
  io.out(`\nDone in ${seconds(performance.now() - startedAt)}. On hosts of your own:\n`);
  io.out('  sudo mesh launch --detach                   on the first');
  io.out('  sudo mesh secret                            there; it prints the line for the others');
  io.out('  sudo mesh attach CONTAINER --ip 10.32.0.1/12');
  return EXIT.done;
}

type Step = <T>(what: string, act: () => Promise<T>) => Promise<T>;

async function acts(stage: Stage, step: Step, io: Io): Promise<void> {
  await step('make three hosts and a switch between them', () => Promise.resolve(stage.build()));
  await step('mesh launch     on each host', () => stage.launch());
  await step('mesh connect    from host-2 and host-3 to host-1, with its secret', () => stage.connect());
  await step('mesh attach     a container on each host', () => stage.attach());
  const matrix = await step('ping            from every container to every other', () =>
    pingAllPairs(stage.containers),
  );
  show(io, `\n${matrix}\n`);
  await step('wait            until the routers have measured their paths', () => stage.pathsMeasured());
  show(io, `\nhost-1$ mesh status topology\n\n${await stage.topology(WIDTH - INDENT.length)}\n`);
  const [from, to] = [stage.containers[0]!, stage.containers[2]!];
  const speed = await step(`iperf3          from ${from.name} to ${to.name}, ${THROUGHPUT_S} s`, () =>
    measureThroughput(from, to, THROUGHPUT_S),
  );
  show(io, `\n${speed}\n`);
}

/** Prints what was done, when it is done, and how long it took. The name of a step that fails is in the error. */
const stepper =
  (io: Io): Step =>
  async (what, act) => {
    const startedAt = performance.now();
    try {
      const result = await act();
      io.out(`  ${what.padEnd(WIDTH - 12)}${seconds(performance.now() - startedAt).padStart(8)}`);
      return result;
    } catch (error) {
      throw new Error(`step "${what.replace(/ +/g, ' ')}"`, { cause: error });
    }
  };

const show = (io: Io, text: string): void => io.out(text.replace(/^(?=.)/gm, INDENT));

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function tellFailure(error: unknown, stage: Stage, io: Io): void {
  const [what, cause] = error instanceof Error ? [error.message, error.cause ?? error] : ['the demo', error];
  for (const [name, log] of stage.logs()) {
    const tail = log.split('\n').slice(-LOG_TAIL_LINES);
    io.err(`\nlog of ${name}, last ${tail.length} lines:\n  ${tail.join('\n  ')}`);
  }
  io.err(`\nmesh: cannot finish the demo, ${what} failed:\n${cause instanceof Error ? cause.message : String(cause)}`);
}
