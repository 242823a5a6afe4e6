// The control socket: HTTP and JSON over a Unix socket (cli/api.ts is its vocabulary). Knows nothing of what it serves.
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Refusal } from '../api.js';
import { ensureDirectory } from '../directory.js';

/** A request that is declined in words; `status` is 409 unless the request itself was malformed (400). */
export class Refused extends Error {
  readonly status: 400 | 404 | 409;
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string, status: 400 | 404 | 409 = 409) {
    super(message);
    this.remedy = remedy;
    this.status = status;
  }
}

/** @param id the part of the path that the route's `*` stands for, or '' */
export type Handler = (body: Readonly<Record<string, unknown>>, id: string, query: URLSearchParams) => unknown;

/** `GET /v1/status`, `PUT /v1/endpoints/*`. */
export type Routes = Readonly<Record<string, Handler>>;

/** The socket of this router. It is ours from `claimControl` on; who asks before `serve` waits. */
export interface Control {
  serve(routes: Routes): void;
  /** From now on every request is refused with this. */
  refuse(why: string): void;
  /** Removes the socket and breaks off who still waits. Idempotent. */
  close(): void;
}

const MAX_BODY_BYTES = 1 << 20;
const MAX_HEADER_BYTES = 8 << 10;
/** Who connects and does not end its request in time is let go. */
const HEADERS_WITHIN_MS = 3_000;
const REQUEST_WITHIN_MS = 10_000;
const LOOK_FOR_SLOW_MS = 1_000;
/** Commands last for milliseconds, attaches for a second or two. */
const MAX_CONNECTIONS = 256;

/**
 * Takes the path, so that nobody else can. A socket that nobody serves any more is replaced.
 * @param group whose members may speak to it as well, a name or a number; undefined: its owner alone
 * @param onBug an exception that is not a refusal: it is answered with 500 and reported
 * @throws Refused if another router serves the path, something else is there, it cannot be made, or there is no such group
 */
export async function claimControl(
  path: string,
  group: string | undefined,
  onBug: (e: unknown) => void,
): Promise<Control> {
  const gid = group === undefined ? undefined : groupId(group);
  let decide: (find: Find) => void = () => undefined;
  let find = new Promise<Find>((resolve) => (decide = resolve));
  const server = createServer(LIMITS, (req, res) => void find.then((now) => answer(req, res, now, onBug)));
  server.maxConnections = MAX_CONNECTIONS;
  try {
    ensureDirectory(dirname(path), 0o755);
    await removeStale(path);
    await listenAlone(server, path);
    if (gid !== undefined) {
      chownSync(path, -1, gid);
      chmodSync(path, 0o660);
    }
  } catch (e) {
    server.close();
    if (e instanceof Refused) throw e;
    const code = (e as NodeJS.ErrnoException).code ?? 'unknown';
    const remedy = 'sudo mesh launch, or another path: mesh launch --socket';
    throw new Refused(`the control socket "${path}" cannot be made: ${WORDS[code] ?? code}`, remedy);
  }
  return {
    serve: (routes) => decide((req) => route(req, routes)),
    refuse(why) {
      find = Promise.resolve(() => {
        throw new Refused(why);
      });
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const LIMITS: ServerOptions = {
  keepAliveTimeout: 1_000,
  headersTimeout: HEADERS_WITHIN_MS,
  requestTimeout: REQUEST_WITHIN_MS,
  connectionsCheckingInterval: LOOK_FOR_SLOW_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** Nobody but its owner can connect, not for a moment: the mode is there when the socket is. */
function listenAlone(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    return new Promise((resolve, reject) => server.once('error', reject).listen(path, resolve)); // binds before it returns
  } finally {
    process.umask(before);
  }
}

/** group(5). @throws Refused */
function groupId(group: string): number {
  const lines = readFileSync('/etc/group', 'utf8').split('\n');
  const found = lines.map((line) => line.split(':')).find(([name]) => name === group)?.[2] ?? group;
  if (/^\d{1,9}$/.test(found)) return Number(found);
  throw new Refused(`there is no group "${group}" in /etc/group`, `groupadd ${group}`);
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOENT: 'its directory cannot be made',
  ENOTDIR: 'its directory is a file',
  EEXIST: 'its directory is a file',
  EADDRINUSE: 'another router has just taken it',
};

/** Only what is a socket, and has nobody behind it, may go. @throws Refused, ErrnoException */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Refused(`"${path}" exists and is no socket`, 'mesh launch --socket ANOTHER');
  const code = await new Promise<string>((resolve) => {
    const probe = connect(path, () => resolve(''));
    probe.on('error', (e: NodeJS.ErrnoException) => resolve(e.code ?? 'unknown'));
    probe.on('connect', () => probe.destroy());
  });
  // Any other answer, a full backlog say, comes from somebody.
  if (code !== 'ECONNREFUSED') throw new Refused(`another router serves "${path}"`, 'mesh status');
  unlinkSync(path);
}

interface Found {
  readonly handler: Handler;
  readonly id: string;
  readonly query: URLSearchParams;
}

/** @throws Refused */
type Find = (req: IncomingMessage) => Found;

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  find: Find,
  onBug: (e: unknown) => void,
): Promise<void> {
  try {
    const { handler, id, query } = find(req);
    const body = await readBody(req);
    reply(res, 200, (await handler(body, id, query)) ?? {});
  } catch (e) {
    if (e instanceof Refused) return reply(res, e.status, refusalOf(e));
    if (req.destroyed && !req.complete) return; // who asked has gone
    onBug(e);
    reply(res, 500, { error: `a bug in mesh: ${(e as Error).message}` });
  }
}

const refusalOf = (e: Refused): Refusal => ({ error: e.message, ...(e.remedy !== undefined && { try: e.remedy }) });

function route(req: IncomingMessage, routes: Routes): Found {
  const url = URL.canParse(`http://mesh${req.url}`) ? new URL(`http://mesh${req.url}`) : new URL('http://mesh');
  const [method, path, query] = [req.method, url.pathname, url.searchParams];
  const exact = routes[`${method} ${path}`];
  if (exact !== undefined) return { handler: exact, id: '', query };
  for (const [pattern, handler] of Object.entries(routes)) {
    const [before = '', after = ''] = pattern.split('*');
    const id = new RegExp(`^${before}([^/]+)${after}$`).exec(`${method} ${path}`)?.[1];
    if (id !== undefined && pattern.includes('*')) return { handler, id: decoded(id), query };
  }
  throw new Refused(`there is no ${method} ${path}`, undefined, 404);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refused(`"${text}" is not a URL's part`, undefined, 400);
  }
}

async function readBody(req: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refused('the request is larger than 1 MiB', undefined, 400);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // falls through to the refusal
  }
  throw new Refused('the request is not a JSON object', undefined, 400);
}

function reply(res: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}
