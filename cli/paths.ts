// Where a router keeps its state and listens for commands.
import { resolve } from 'node:path';
import { UsageError, type Input, type Io, type OptionSpec } from './command.js';

export const DEFAULT_SOCKET = '/run/mesh/mesh.sock';
export const DEFAULT_STATE_DIR = '/var/lib/mesh';
/** unix(7): sun_path holds 108 bytes, the last of them a NUL. */
export const MAX_SOCKET_BYTES = 107;

export const SOCKET_OPTION: OptionSpec = {
  flags: '--socket <path>',
  help: `the router's control socket (MESH_SOCKET, else ${DEFAULT_SOCKET})`,
};

/** @returns an absolute path. @throws UsageError if it does not fit a socket address */
export function socketPath(input: Input, env: Io['env']): string {
  const flag = input.text('socket');
  const path = resolve(flag ?? (env.MESH_SOCKET || DEFAULT_SOCKET));
  if (flag === '') throw new UsageError('--socket "" is not a path');
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_BYTES) {
    throw new UsageError(
      `${flag === undefined ? 'MESH_SOCKET' : '--socket'} "${path}" is ${bytes} bytes long, a socket path has at most ${MAX_SOCKET_BYTES}`,
    );
  }
  return path;
}

/** @returns an absolute path. */
export function stateDir(input: Input, env: Io['env']): string {
  const flag = input.text('state-dir');
  if (flag === '') throw new UsageError('--state-dir "" is not a path');
  return resolve(flag ?? (env.MESH_STATE_DIR || DEFAULT_STATE_DIR));
}
