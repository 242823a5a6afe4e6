// One dial: a name to its addresses, each tried in turn, all within one deadline.
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { isIpv6, parseIp } from '../address.js';
import type { Ip } from '../types.js';
import type { DialFailure } from './network.js';

export interface DialRequest {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The source address; targets of the other family are then left out. */
  readonly from: Ip | undefined;
}

export type DialOutcome = { readonly socket: Socket } | { readonly reason: DialFailure; readonly sentence: string };

/** A reset before the first byte, whether it comes before our connect returns, right after, or later. */
export const BROKEN_OFF = 'it broke off the connection before it said who it is';

/** Never rejects. After an abort the outcome means nothing. */
export async function dialHost(d: DialRequest): Promise<DialOutcome> {
  const endAt = performance.now() + d.timeoutMs;
  const found = await within(d.timeoutMs, resolveHost(d.host));
  if (found === 'timeout') return { reason: 'unresolvable', sentence: `"${d.host}": the resolver does not answer` };
  if (typeof found === 'string') return { reason: 'unresolvable', sentence: `cannot resolve "${d.host}": ${found}` };
  const addresses = found.filter((ip) => d.from === undefined || isIpv6(ip) === isIpv6(d.from));
  let outcome: DialOutcome = { reason: 'unreachable', sentence: `"${d.host}" has no address of our family` };
  for (const [i, ip] of addresses.entries()) {
    // A dead address must not use up the time of those after it.
    const shareMs = (endAt - performance.now()) / (addresses.length - i);
    outcome = await connectTo(ip, Math.max(1, shareMs), d);
    if ('socket' in outcome || d.signal.aborted) return outcome;
  }
  return outcome;
}

/** @returns the addresses in the system's order of preference, or why there are none */
async function resolveHost(host: string): Promise<readonly Ip[] | string> {
  const literal = parseIp(host);
  if (literal !== undefined) return [literal];
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    return [...new Set(found.flatMap((a) => parseIp(a.address) ?? []))];
  } catch (e) {
    return WHY_UNRESOLVED[(e as NodeJS.ErrnoException).code ?? ''] ?? String(e);
  }
}

const WHY_UNRESOLVED: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the resolver does not answer',
};

/** `getaddrinfo` cannot be cancelled; its late answer is dropped. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | 'timeout'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'timeout'>((done) => (timer = setTimeout(() => done('timeout'), ms)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function connectTo(ip: Ip, timeoutMs: number, d: DialRequest): Promise<DialOutcome> {
  return new Promise((done) => {
    const source = d.from === undefined ? {} : { localAddress: d.from };
    const socket = connect({ host: ip, port: d.port, noDelay: true, ...source });
    const end = (outcome: DialOutcome): void => {
      clearTimeout(timer);
      d.signal.removeEventListener('abort', onAbort);
      if (!('socket' in outcome)) socket.destroy();
      done(outcome);
    };
    const onAbort = (): void => end({ reason: 'failed', sentence: 'given up' });
    const timer = setTimeout(
      () => end({ reason: 'timeout', sentence: `${ip} port ${d.port} does not answer` }),
      timeoutMs,
    );
    d.signal.addEventListener('abort', onAbort);
    socket.on('error', (e: NodeJS.ErrnoException) => end(failure(e, ip, d.port)));
    socket.once('connect', () => end({ socket }));
    if (d.signal.aborted) onAbort();
  });
}

function failure(e: NodeJS.ErrnoException, ip: Ip, port: number): DialOutcome {
  switch (e.code ?? '') {
    case 'ECONNREFUSED':
      return { reason: 'refused', sentence: `nothing listens at ${ip} port ${port}` };
    case 'ECONNRESET': // between the kernel's connect and ours
      return { reason: 'failed', sentence: BROKEN_OFF };
    case 'ETIMEDOUT':
      return { reason: 'timeout', sentence: `${ip} port ${port} does not answer` };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return { reason: 'unreachable', sentence: `no route to ${ip}` };
    case 'EACCES':
    case 'EPERM':
      return { reason: 'unreachable', sentence: `this host's firewall or policy forbids ${ip} port ${port}` };
    default:
      return { reason: 'failed', sentence: `${ip} port ${port}: ${e.message}` };
  }
}
