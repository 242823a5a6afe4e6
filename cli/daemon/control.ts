// The control socket: HTTP and JSON over a Unix socket (cli/api.ts is its vocabulary). Knows nothing of what it serves.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
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

/**
 * Takes the path, so that nobody else can. A socket that nobody serves any more is replaced.
 * @param onBug an exception that is not a refusal: it is answered with 500 and reported
 * @throws Refused if another router serves the path, something else is there, or it cannot be made
 */
export async function claimControl(path: string, onBug: (e: unknown) => void): Promise<Control> {
  let decide: (find: Find) => void = () => undefined;
  let find = new Promise<Find>((resolve) => (decide = resolve));
  const server = createServer((req, res) => void find.then((now) => answer(req, res, now, onBug)));
  server.keepAliveTimeout = 1_000;
  try {
    ensureDirectory(dirname(path), 0o755);
    await removeStale(path);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    chmodSync(path, 0o600);
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
