// `mesh launch --detach`: the same program in the background, its output in the state directory.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from './client.js';
import { Denied, EXIT, Failure, type Io } from './command.js';
import { launchArgv, type LaunchConfig } from './options.js';
import { joinLine } from './secret-option.js';
import { openRouterLog, type RouterLog } from './router-log.js';

const POLL_MS = 25;
/** A router with 100,000 rows to read back takes some seconds. */
const START_DEADLINE_MS = 30_000;

/**
 * Starts the router in a session of its own and waits until its socket answers.
 * @param program the script that is to be run as `mesh`
 * @returns 0, or the code with which the child ended, its last error line having been printed
 * @throws Failure if a router is there already, the log cannot be written, or the socket stays silent
 */
export async function launchInBackground(config: LaunchConfig, io: Io, program = process.argv[1]!): Promise<number> {
  if (await answers(config.socket)) throw new Failure(EXIT.refused, 'a router is running already', 'mesh status');
  const log = openLog(config.stateDir);
  try {
    return await launchWith(log, config, io, program);
  } finally {
    log.close();
  }
}

async function launchWith(log: RouterLog, config: LaunchConfig, io: Io, program: string): Promise<number> {
  const child = spawn(process.execPath, [program, ...launchArgv(config)], {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    env: { ...process.env, MESH_SECRET: undefined },
  });
  child.stdin!.on('error', () => undefined); // it ended before it read
  child.stdin!.end(typeof config.secret === 'object' ? config.secret.text : '');
  let ended: number | undefined;
  child.on('exit', (code) => (ended = code ?? EXIT.bug)).on('error', () => (ended = EXIT.bug));
  for (let waitedMs = 0; waitedMs < START_DEADLINE_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS);
    if (ended !== undefined) {
      const words = lastWords(log.tail());
      io.err(words ?? `mesh: the router ended with code ${ended} and said nothing`);
      if (ended !== EXIT.bug) log.discard(); // a refusal is said in full above
      return ended === 0 ? EXIT.refused : ended;
    }
    if (!(await answers(config.socket))) continue;
    io.err(`mesh: the router runs as process ${child.pid}, its log is ${log.path}`);
    await tellSecret(config.socket, io);
    child.unref();
    return EXIT.done;
  }
  child.kill('SIGTERM');
  throw new Failure(
    EXIT.refused,
    `the router did not serve its socket within ${START_DEADLINE_MS / 1000} s`,
    `tail ${log.path}`,
  );
}

/** Of a mesh that was just founded: whoever is at this terminal is to launch the next host. */
async function tellSecret(socket: string, io: Io): Promise<void> {
  const { founded, secret, peer } = await createClient(socket).secret();
  if (founded && secret !== null) io.err(`mesh: it founded a mesh; on the next host:\n  ${joinLine(secret, peer)}`);
}

const answers = (socket: string): Promise<boolean> =>
  createClient(socket)
    .status()
    .then(
      () => true,
      () => false,
    );

function openLog(stateDir: string): RouterLog {
  try {
    return openRouterLog(stateDir);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = `cannot write to the state directory "${stateDir}"`;
    if (code === 'EACCES' || code === 'EPERM') throw new Denied(`${why}: permission denied`);
    throw new Failure(EXIT.refused, `${why}: ${message}`);
  }
}

/** The last complaint in a log with the `try:` line that follows it; without one, the last line. */
export function lastWords(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const at = lines.findLastIndex((line) => line.startsWith('mesh: '));
  if (at < 0) return lines.at(-1);
  return lines.slice(at, lines[at + 1]?.startsWith('  try: ') ? at + 2 : at + 1).join('\n');
}
