// Where a secret comes from: a flag, a file, standard input, the environment; and how it is printed for the next host.
import { readFileSync, statSync } from 'node:fs';
import { parseSecret, type Secret } from '../router/trust/secret.js';
import { EXIT, Failure, UsageError, type Deps, type Input, type Io, type OptionSpec } from './command.js';

/** `open`: without a secret, for a lab. */
export type SecretChoice = Secret | 'open';

export const SECRET_OPTIONS: readonly OptionSpec[] = [
  { flags: '--secret <secret>', help: "the mesh's secret (MESH_SECRET); - reads it from standard input" },
  { flags: '--secret-file <path>', help: 'the same, from a file that only its owner can read; - is standard input' },
];

/** The same, of a secret that is to take the place of the mesh's. */
export const NEW_SECRET_OPTIONS: readonly OptionSpec[] = [
  { flags: '--secret <secret>', help: 'the new secret (default: new words); - reads it from standard input' },
  ...SECRET_OPTIONS.slice(1),
];

/** @param remedy for one that will not do. @returns undefined if none was given. @throws UsageError, Failure for a file that cannot be read, or that others can */
export function secretOption(
  input: Input,
  io: Io,
  deps: Pick<Deps, 'conceal' | 'readInput'>,
  remedy = 'mesh secret, on a host of the mesh',
): SecretChoice | undefined {
  const [flag, file, isOpen] = [input.text('secret'), input.text('secret-file'), input.flag('open')];
  const fromEnv = io.env.MESH_SECRET;
  for (const text of [flag, fromEnv]) if (text !== undefined) concealed(text, io, deps);
  if ([flag !== undefined, file !== undefined, isOpen].filter(Boolean).length > 1)
    throw new UsageError('--secret, --secret-file and --open exclude one another');
  if (isOpen) return 'open';
  if (flag === '-' || file === '-') return parsed('the secret on standard input', deps.readInput(), remedy);
  if (flag !== undefined) return parsed('--secret', flag, remedy);
  if (file !== undefined) return parsed(`the secret in "${file}"`, readPrivate(file), remedy);
  return fromEnv === undefined ? undefined : parsed('MESH_SECRET', fromEnv, remedy);
}

function concealed(text: string, io: Io, deps: Pick<Deps, 'conceal'>): void {
  if (text !== '-' && !deps.conceal(text))
    io.err('mesh: warning: the secret shows in the process list here; give it on standard input: --secret -');
}

function parsed(what: string, text: string, remedy: string): Secret {
  const secret = parseSecret(text);
  if (secret.kind === 'fault') throw new UsageError(`${what} will not do: ${secret.why}`, remedy);
  return secret;
}

/** A pipe is nobody else's. */
function readPrivate(path: string): string {
  try {
    const about = statSync(path);
    const mode = about.mode & 0o777;
    if (about.isFile() && (mode & 0o077) !== 0)
      throw new Failure(
        EXIT.refused,
        `"${path}" can be read by others (mode 0${mode.toString(8)})`,
        `chmod 600 ${path}`,
      );
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.refused, `cannot read "${path}": ${(error as NodeJS.ErrnoException).code}`, `ls -l ${path}`);
  }
}

/** The one line to type on the next host. @param peer HOST or HOST:PORT of this one */
export const joinLine = (secret: string, peer: string): string =>
  `sudo mesh launch --detach --secret ${quoted(secret)} ${peer}`;

/** The one line to type on a host of the mesh that was away when the secret was changed. @param peer HOST or HOST:PORT of this one */
export const connectLine = (secret: string, peer: string): string =>
  `sudo mesh connect ${peer} --secret ${quoted(secret)}`;

const quoted = (text: string): string =>
  /^[A-Za-z0-9._-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
