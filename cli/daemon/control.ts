// The control socket: HTTP and JSON over a Unix socket (cli/api.ts is its vocabulary). Knows nothing of what it serves.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { chmodSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Refusal } from '../api.js';

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

const MAX_BODY_BYTES = 1 << 20;

/**
 * Serves the routes on `path` until the server is closed. A socket that nobody serves any more is replaced.
 * @param onBug an exception that is not a refusal: it is answered with 500 and reported
 * @throws Refused if another router serves the path, or it cannot be made
 */
export async function serveControl(path: string, routes: Routes, onBug: (e: unknown) => void): Promise<Server> {
  if (await isServed(path)) throw new Refused(`another router serves ${path}`, 'mesh status');
  const server = createServer((req, res) => void answer(req, res, routes, onBug));
  server.keepAliveTimeout = 1_000;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    unlinkStale(path);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    chmodSync(path, 0o600);
  } catch (e) {
    throw new Refused(`the control socket ${path} cannot be made (${(e as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  return server;
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

function unlinkStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
  }
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  routes: Routes,
  onBug: (e: unknown) => void,
): Promise<void> {
  try {
    const { handler, id, query } = route(req, routes);
    const body = await readBody(req);
    reply(res, 200, (await handler(body, id, query)) ?? {});
  } catch (e) {
    if (!(e instanceof Refused)) onBug(e);
    const [status, refusal] =
      e instanceof Refused ? [e.status, refusalOf(e)] : [500, { error: `a bug in mesh: ${(e as Error).message}` }];
    reply(res, status, refusal);
  }
}

const refusalOf = (e: Refused): Refusal => ({ error: e.message, ...(e.remedy !== undefined && { try: e.remedy }) });

function route(req: IncomingMessage, routes: Routes): { handler: Handler; id: string; query: URLSearchParams } {
  const url = new URL(req.url ?? '/', 'http://mesh');
  const exact = routes[`${req.method} ${url.pathname}`];
  if (exact !== undefined) return { handler: exact, id: '', query: url.searchParams };
  for (const [pattern, handler] of Object.entries(routes)) {
    const [method, path] = pattern.split(' ');
    const m = new RegExp(`^${path!.replace('*', '([^/]+)')}$`).exec(url.pathname);
    if (m !== null && method === req.method)
      return { handler, id: decodeURIComponent(m[1] ?? ''), query: url.searchParams };
  }
  throw new Refused(`there is no ${req.method} ${url.pathname}`, undefined, 404);
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
