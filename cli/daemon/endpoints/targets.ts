// From what a person types after `attach` to a network namespace: a namespace's name, a path, a pid, or a container.
import { statSync } from 'node:fs';
import { request } from 'node:http';

/** A sandbox that exists now. */
export interface ResolvedTarget {
  /** Names it for as long as it can be found again: `/run/netns/web`, `/proc/12/ns/net`, `docker:<64 hex>`. */
  readonly key: string;
  /** Opens to the namespace at this moment. */
  readonly netns: string;
  /** The namespace's inode: two paths with one inode are one namespace. */
  readonly inode: bigint;
  /** Can it come back under the same key after it died? */
  readonly returns: boolean;
}

/** Why there is none, in a sentence, and a command that may help. */
export interface NoTarget {
  readonly why: string;
  readonly remedy: string;
}

const NETNS_DIR = process.env.MESH_NETNS_DIR ?? '/run/netns';
const DOCKER_SOCKET =
  process.env.DOCKER_HOST?.startsWith('unix://') === true ? process.env.DOCKER_HOST.slice(7) : '/var/run/docker.sock';
const DOCKER_DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 4 << 20;

/** @param text as it was typed, or the key of an earlier answer */
export async function resolveTarget(text: string): Promise<ResolvedTarget | NoTarget> {
  if (text.startsWith('docker:')) return resolveContainer(text.slice(7));
  if (text.includes('/')) return inspect(text, text, !text.startsWith('/proc/')) ?? absent(`there is no ${text}`);
  if (/^\d{1,10}$/.test(text)) {
    const path = `/proc/${text}/ns/net`;
    return inspect(path, path, false) ?? { why: `no process has the pid ${text}`, remedy: 'ps' };
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text))
    return absent('it is neither a namespace, a path, a pid nor a container');
  const path = `${NETNS_DIR}/${text}`;
  const named = inspect(path, path, true);
  if (named !== undefined) return named;
  const container = await resolveContainer(text);
  if (!('why' in container)) return container;
  return { ...container, why: `there is no namespace of that name in ${NETNS_DIR}, and ${container.why}` };
}

const absent = (why: string): NoTarget => ({ why, remedy: 'ip netns list' });

/** @returns undefined if there is nothing at the path */
function inspect(path: string, key: string, returns: boolean): ResolvedTarget | NoTarget | undefined {
  let found;
  try {
    found = statSync(path, { bigint: true });
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return { why: `${path} cannot be read (${code})`, remedy: `ls -l ${path}` };
  }
  const own = statSync('/proc/self/ns/net', { bigint: true });
  // All namespaces are inodes of one file system; of which kind one is, only opening it tells.
  if (found.dev !== own.dev) return absent(`${path} is not a network namespace`);
  if (found.ino === own.ino)
    return { why: `${path} is the router's own namespace`, remedy: 'mesh expose --ip 10.32.0.254/12' };
  return { key, netns: path, inode: found.ino, returns };
}

async function resolveContainer(name: string): Promise<ResolvedTarget | NoTarget> {
  const answer = await dockerInspect(name);
  if (typeof answer === 'string') return { why: answer, remedy: 'ip netns list; docker ps' };
  if (answer.pid === 0) return { why: `the container "${name}" is not running`, remedy: `docker start ${name}` };
  const found = inspect(`/proc/${answer.pid}/ns/net`, `docker:${answer.id}`, true);
  return found ?? { why: `the container "${name}" has just ended`, remedy: 'docker ps' };
}

/** GET /containers/NAME/json of the Docker Engine API, v1.24 and later; podman's socket answers it too. */
function dockerInspect(name: string): Promise<{ id: string; pid: number } | string> {
  return new Promise((resolve) => {
    const path = `/containers/${encodeURIComponent(name)}/json`;
    const req = request(
      { socketPath: DOCKER_SOCKET, path, timeout: DOCKER_DEADLINE_MS, headers: { host: 'docker' } },
      (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) req.destroy();
        });
        res.on('end', () =>
          resolve(res.statusCode === 200 ? parseInspect(text) : `Docker knows no container "${name}"`),
        );
      },
    );
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve('Docker does not answer'));
    req.end();
  });
}

function parseInspect(text: string): { id: string; pid: number } | string {
  try {
    const { Id, State } = JSON.parse(text) as { Id?: unknown; State?: { Pid?: unknown } };
    if (typeof Id === 'string' && typeof State?.Pid === 'number') return { id: Id, pid: State.Pid };
  } catch {
    // falls through: an answer that is no JSON is no answer
  }
  return 'Docker gave an answer that cannot be read';
}
