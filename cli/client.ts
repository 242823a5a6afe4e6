// The commands' side of the control socket: HTTP and JSON over a Unix socket (cli/api.ts), and what can go wrong with it in words.
import { request, type IncomingMessage } from 'node:http';
import type {
  AttachRequest,
  EndpointRequest,
  EndpointStatus,
  Refusal,
  RotationStatus,
  SecretDocument,
  StatusDocument,
} from './api.js';
import { Denied, EXIT, Failure } from './command.js';
import { DEFAULT_SOCKET } from './paths.js';

const DEADLINE_MS = 5_000;
/** A veth, its addresses and the announcement; the kernel may be busy with 100,000 rows before. */
const ATTACH_DEADLINE_MS = 15_000;
const GONE_POLL_MS = 20;
const ROTATION_DEADLINE_MS = 10_000;
const ROTATION_POLL_MS = 100;

/** `refused`: nothing was changed. `note`: done, and something is to be known of it. */
export interface PeerResult {
  readonly peer: string;
  readonly refused?: string;
  readonly note?: string;
}

export interface Attached {
  readonly endpoint: EndpointStatus;
  readonly warnings: readonly string[];
}

/** What a command may ask of the router. Every method throws Failure, with a remedy where there is one. */
export interface RouterClient {
  status(options?: { readonly macs: boolean }): Promise<StatusDocument>;
  report(): Promise<unknown>;
  /** @param secret of the mesh that they are in, if this router is to take it */
  connect(peers: readonly string[], secret?: string): Promise<readonly PeerResult[]>;
  secret(): Promise<SecretDocument>;
  /** @param secret the new one; undefined: words are made */
  rotate(secret: string | undefined): Promise<SecretDocument>;
  /** Waits until the old secret is refused, or another one than this took its place, or 10 s. @param key id of the new one */
  rotated(key: string): Promise<RotationStatus | null>;
  forget(peers: readonly string[]): Promise<readonly PeerResult[]>;
  evict(peers: readonly string[], rotation?: EvictRotation): Promise<readonly PeerResult[]>;
  attach(request: AttachRequest): Promise<Attached>;
  endpointPut(id: string, request: EndpointRequest): Promise<Attached & { readonly created: boolean }>;
  endpointJoin(id: string, target: string, ifname: string | undefined): Promise<EndpointStatus>;
  endpointDelete(id: string): Promise<void>;
  detach(request: DetachRequest): Promise<readonly EndpointStatus[]>;
  expose(network: string | undefined, ips: readonly string[]): Promise<readonly string[]>;
  /** No `ips`: all of the network's. */
  hide(network: string | undefined, ips: readonly string[]): Promise<readonly string[]>;
  stop(): Promise<void>;
  reset(force: boolean): Promise<void>;
  /** Waits until nothing answers the socket any more. @returns false if something still does after 5 s */
  gone(): Promise<boolean>;
}

/** The secret is changed as well. */
export interface EvictRotation {
  readonly rotate: true;
  readonly secret?: string;
}

export interface DetachRequest {
  readonly target: string;
  readonly network?: string;
  readonly ifname?: string;
}

/** @param socket absolute path, at most 107 bytes */
export function createClient(socket: string): RouterClient {
  const ask = <T>(method: string, path: string, body?: object, deadlineMs = DEADLINE_MS): Promise<T> =>
    exchange(socket, method, path, body, deadlineMs) as Promise<T>;
  const endpoint = (id: string): string => `/v1/endpoints/${encodeURIComponent(id)}`;
  return {
    status: (options) => ask('GET', options?.macs === true ? '/v1/status?macs=1' : '/v1/status'),
    report: () => ask('GET', '/v1/report'),
    connect: async (peers, secret) =>
      (await ask<Results>('POST', '/v1/connect', { peers, secret }, ATTACH_DEADLINE_MS)).results,
    secret: () => ask('GET', '/v1/secret'),
    forget: async (peers) => (await ask<Results>('POST', '/v1/forget', { peers })).results,
    rotate: (secret) => ask('POST', '/v1/secret/rotate', { secret }, ATTACH_DEADLINE_MS),
    rotated: (key) => waitUntilRotated(() => ask<SecretDocument>('GET', '/v1/secret'), key),
    evict: async (peers, rotation) =>
      (await ask<Results>('POST', '/v1/evict', { peers, ...rotation }, ATTACH_DEADLINE_MS)).results,
    attach: (body) => ask('POST', '/v1/attach', body, ATTACH_DEADLINE_MS),
    endpointPut: (id, body) => ask('PUT', endpoint(id), body, ATTACH_DEADLINE_MS),
    endpointJoin: async (id, target, ifname) =>
      (await ask<Attached>('POST', `${endpoint(id)}/join`, { target, ifname }, ATTACH_DEADLINE_MS)).endpoint,
    endpointDelete: (id) => ask('DELETE', endpoint(id)),
    detach: async (body) =>
      (await ask<{ detached: EndpointStatus[] }>('POST', '/v1/detach', body, ATTACH_DEADLINE_MS)).detached,
    expose: async (network, ips) => (await ask<Ips>('POST', '/v1/expose', { network, ips })).ips,
    hide: async (network, ips) =>
      (await ask<Ips>('POST', '/v1/hide', ips.length > 0 ? { network, ips } : { network })).ips,
    stop: () => ask('POST', '/v1/stop', {}),
    reset: (force) => ask('POST', '/v1/reset', { force }, ATTACH_DEADLINE_MS),
    gone: () => waitUntilGone(socket),
  };
}

interface Results {
  readonly results: readonly PeerResult[];
}
interface Ips {
  readonly ips: readonly string[];
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: object | undefined,
  deadlineMs: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      content === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    const fail = (error: Error): void => reject(inWords(error, socketPath, deadlineMs));
    const req = request(
      { socketPath, method, path, agent: false, headers: { host: 'mesh', ...headers } },
      (response) => {
        readAll(response)
          .then((text) => resolve(answer(response.statusCode ?? 0, text, path, socketPath)))
          .catch((error: Error) => (error instanceof Failure ? reject(error) : fail(error)));
      },
    );
    // Not `timeout`: that one starts anew with each byte.
    const timer = setTimeout(() => req.destroy(new Late()), deadlineMs);
    req.on('error', fail).on('close', () => clearTimeout(timer));
    req.end(content);
  });
}

class Late extends Error {}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws Failure for every answer that is not a success with JSON in it */
function answer(status: number, text: string, path: string, socket: string): unknown {
  const parsed = parseJson(text);
  if (parsed === undefined) throw new Failure(EXIT.refused, `what answers at "${socket}" is not a mesh router`);
  if (status >= 200 && status < 300) return parsed;
  const { error, try: remedy } = parsed as Partial<Refusal>;
  if (status === 404 && error === undefined) {
    throw new Failure(EXIT.refused, `the router does not know ${path}, its version is another`, 'mesh status');
  }
  const why = error ?? `the router answered ${status} without a reason`;
  if (status >= 500) throw new Failure(EXIT.bug, `the router failed: ${why}`, remedy ?? 'mesh report');
  throw new Failure(status === 400 ? EXIT.usage : EXIT.refused, why, remedy);
}

/** @returns undefined unless `text` is a JSON object */
function parseJson(text: string): object | undefined {
  try {
    const value: unknown = text === '' ? {} : JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function inWords(error: Error, socket: string, deadlineMs: number): Failure {
  if (error instanceof Late) {
    return new Failure(EXIT.refused, `the router did not answer within ${deadlineMs / 1000} s`, 'mesh status');
  }
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    // The state directory is not known here, and without it another router would be founded.
    const where = socket === DEFAULT_SOCKET ? '' : ` --socket ${socket} --state-dir DIR`;
    return new Failure(EXIT.notRunning, 'the router is not running', `sudo mesh launch --detach${where}`);
  }
  if (code === 'EACCES' || code === 'EPERM') return new Denied(`permission denied on the control socket "${socket}"`);
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new Failure(EXIT.refused, 'the router ended before it answered', 'mesh status');
  }
  if (code.startsWith('HPE_')) return new Failure(EXIT.refused, `what answers at "${socket}" is not a mesh router`);
  return new Failure(EXIT.refused, `the control socket "${socket}" failed: ${error.message}`);
}

async function waitUntilRotated(ask: () => Promise<SecretDocument>, key: string): Promise<RotationStatus | null> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  for (let waitedMs = 0; ; waitedMs += ROTATION_POLL_MS) {
    const { rotation } = await ask();
    if (rotation === null || rotation.isOver || rotation.key !== key || waitedMs >= ROTATION_DEADLINE_MS)
      return rotation;
    await sleep(ROTATION_POLL_MS);
  }
}

async function waitUntilGone(socket: string): Promise<boolean> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  for (let waitedMs = 0; waitedMs < DEADLINE_MS; waitedMs += GONE_POLL_MS) {
    const left = await exchange(socket, 'GET', '/v1/status', undefined, 1000).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (left instanceof Failure && left.exit === EXIT.notRunning) return true;
    await sleep(GONE_POLL_MS);
  }
  return false;
}
