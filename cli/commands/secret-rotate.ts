import type { RotationStatus, SecretDocument } from '../api.js';
import type { RouterClient } from '../client.js';
import { EXIT, Failure, sentence, type Command, type Deps, type Input, type Io } from '../command.js';
import { clean, count } from '../format.js';
import { connectLine, joinLine, NEW_SECRET_OPTIONS, secretOption } from '../secret-option.js';

const MAX_NAMED = 8;

export const secretRotate: Command = {
  name: 'secret rotate',
  verb: 'rotate the secret',
  help:
    "Change the mesh's secret while it runs: every router that can be reached takes the new one, while the old one is still " +
    'accepted; then the old one is refused. Without --secret, new words are made. Connections stay. Prints the line to type on ' +
    'the next host; a host that was away needs the new secret.',
  options: [...NEW_SECRET_OPTIONS, { flags: '--bare', help: 'print the new secret alone' }],
  examples: ['sudo mesh secret rotate', 'sudo mesh secret rotate --secret - < new-secret'],
  async run(input, { io, deps, router }) {
    const text = newSecretOption(input, io, deps);
    const client = await router();
    return followRotation(await client.rotate(text), client, input.flag('bare'), io);
  },
};

/** @returns undefined: it is to be made. The environment is no help: it has the secret that the mesh has. @throws UsageError, Failure */
export function newSecretOption(input: Input, io: Io, deps: Deps): string | undefined {
  const { MESH_SECRET: _, ...env } = io.env;
  const secret = secretOption(input, { ...io, env }, deps, 'mesh secret rotate, which makes a good one');
  return secret === undefined || secret === 'open' ? undefined : secret.text;
}

/** Prints the new secret at once, waits until the old one is refused, and says who does not have the new one. @returns the exit code */
export async function followRotation(
  { secret, peer, rotation: begun }: SecretDocument,
  client: RouterClient,
  isBare: boolean,
  io: Io,
): Promise<number> {
  if (secret === null || begun === null)
    throw new Failure(EXIT.bug, 'the router did not say what it did', 'mesh report');
  io.out(isBare ? secret : joinLine(secret, peer));
  const startedAt = performance.now();
  const now = await client.rotated(begun.key);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (now === null || now.key !== begun.key) return lost(now, io);
  const away = now.without.slice(0, MAX_NAMED).map(({ name, why }) => `\n  ${clean(name)}: ${why}`);
  const more = now.without.length > MAX_NAMED ? `\n  and ${now.without.length - MAX_NAMED} more` : '';
  const have = `${now.routers - now.without.length} of ${count(now.routers, 'router')} have the new secret`;
  if (!now.isOver) {
    io.err(sentence('rotate the secret yet', `${have} after ${seconds} s${away.join('')}${more}`, 'mesh status'));
    return EXIT.refused;
  }
  io.err(`mesh: ${have}, and the old one is refused, after ${seconds} s${away.join('')}${more}`);
  if (now.without.length > 0) io.err(`mesh: on a host that was away:\n  ${connectLine(secret, peer)}`);
  return EXIT.done;
}

function lost(now: RotationStatus | null, io: Io): number {
  const by = now?.by ? ` on "${clean(now.by)}"` : '';
  io.err(sentence('rotate the secret', `another change of it, ordered${by} at the same time, won`, 'mesh secret'));
  return EXIT.refused;
}
