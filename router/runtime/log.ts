// The router's log: state changes, never packets. As lines a person can read, or as JSON by pino, which only this file uses.
import { pino, type Logger } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

interface EventKind {
  readonly level: 'info' | 'warn' | 'error';
  /** What it tells the operator. */
  readonly sentence: string;
  /** A stranger can cause it: one line per peer and minute. */
  readonly limited?: true;
}

/** Every event there is. A test compares it with what the sources log. */
export const EVENTS = {
  launched: { level: 'info', sentence: 'the router serves its socket' },
  stopping: { level: 'info', sentence: 'the router ends; traffic goes on' },
  leaving: { level: 'info', sentence: 'the router leaves the mesh and removes every trace' },
  'peer-alive': { level: 'info', sentence: 'a peer is new, or came back' },
  'peer-suspect': { level: 'info', sentence: 'a peer does not answer; others are asked' },
  'peer-faulty': { level: 'warn', sentence: 'a peer is gone by all we know; its addresses stay in force' },
  'peer-stopped': { level: 'info', sentence: 'a peer said that its router ends and its traffic goes on' },
  'peer-left': { level: 'info', sentence: 'a peer left the mesh' },
  'peer-forgotten': { level: 'info', sentence: 'an operator had a peer forgotten; its addresses are free' },
  'peer-evicted': { level: 'warn', sentence: 'an operator had a peer evicted; it cannot come back with its key' },
  'peer-over-limit': {
    level: 'warn',
    sentence: 'a peer announces more than a peer may; that is refused',
    limited: true,
  },
  'store-full': {
    level: 'error',
    sentence: 'all peers together announce more than fits; what comes now is refused',
    limited: true,
  },
  'turned-away': { level: 'warn', sentence: 'a peer ended the connection and says why', limited: true },
  'overlay-changed': { level: 'warn', sentence: 'another overlay carries the data to a peer' },
  'vxlan-missing': { level: 'warn', sentence: 'this kernel has no vxlan: the sleeve carries everything' },
  'sleeve-refused': { level: 'warn', sentence: 'the sleeve cannot run here; the kernel carries alone' },
  'sleeve-moved': { level: 'info', sentence: 'a peer sends from another address now, and is answered there' },
  'sleeve-thread-died': { level: 'warn', sentence: 'a thread of the sleeve ended; it is started again' },
  'sleeve-thread-restarted': { level: 'info', sentence: 'the thread runs again' },
  'sleeve-fallback': { level: 'info', sentence: 'a part of the fast path is missing: slower, not wrong' },
  'connection-up': { level: 'info', sentence: 'a control connection to a peer stands' },
  'connection-down': { level: 'info', sentence: 'a control connection to a peer ended' },
  'guard-repaired': {
    level: 'warn',
    sentence: 'the rules against forged frames had been changed, and are as they were',
  },
  'guard-failed': { level: 'error', sentence: 'the rules against forged frames could not be set' },
  flood: { level: 'warn', sentence: 'more came from strangers than is let through; the rest was dropped' },
  'secret-replaced': { level: 'info', sentence: 'the secret of the mesh on disk gave way to another' },
  'secret-former': {
    level: 'warn',
    sentence: 'the secret that the launch was given is a former one of the mesh; the one on disk counts',
  },
  'secret-taken': {
    level: 'info',
    sentence: 'the mesh changes its secret; this router has the new one, the old is accepted',
  },
  'secret-retired': { level: 'info', sentence: 'the old secret of the mesh is accepted no longer' },
  'secret-outdated': {
    level: 'warn',
    sentence: 'the mesh changed its secret while this router was away: mesh connect HOST --secret SECRET',
    limited: true,
  },
  'stranger-refused': { level: 'warn', sentence: 'who called was not let in: another secret, or another version' },
  'dial-refused': { level: 'warn', sentence: 'what answers at a target cannot be a peer' },
  'path-changed': { level: 'info', sentence: 'another overlay carries the traffic to a peer' },
  'paths-failed': { level: 'error', sentence: 'paths are not probed' },
  'claim-lost': { level: 'warn', sentence: 'another peer owns an address that an endpoint here has' },
  'endpoint-back': { level: 'info', sentence: 'an endpoint has its interface again' },
  'endpoint-gone': { level: 'info', sentence: 'the sandbox of an endpoint is gone; it is waited for' },
  'endpoint-dropped': { level: 'warn', sentence: 'an endpoint of an earlier run gave way to another with its address' },
  'endpoint-failed': { level: 'error', sentence: 'an endpoint could not be made' },
  'kernel-refused': { level: 'warn', sentence: 'the kernel refused a change; it is tried again' },
  'incarnation-raised': { level: 'info', sentence: 'others knew a newer incarnation of this router, or suspected it' },
  'input-dropped': { level: 'warn', sentence: 'what a peer or a stranger sent was not understood', limited: true },
  'block-forged': { level: 'warn', sentence: "a peer sent a block in another's name; it is refused", limited: true },
  'cache-unread': { level: 'warn', sentence: 'what was remembered of the mesh is of no use; gossip brings it again' },
  'state-unsaved': { level: 'error', sentence: 'a file in the state directory could not be written' },
  bug: { level: 'error', sentence: 'the router failed by its own fault; please report it' },
} as const satisfies Readonly<Record<string, EventKind>>;

export type EventName = keyof typeof EVENTS;

export interface LogOptions {
  readonly format: 'text' | 'json';
  /** Takes one line with its newline. Default: standard error. */
  readonly write?: (line: string) => void;
  /** Default: the machine's clock, which is what an operator compares with. */
  readonly now?: () => Date;
}

const LIMIT_MS = 60_000;
const MAX_LIMITED = 1_024; // peers; beyond them all strangers share one line a minute
const NAME_WIDTH = 18;

export class Log {
  readonly #write: (line: string) => void;
  readonly #now: () => Date;
  readonly #json: Logger | undefined;
  readonly #limited = new Map<string, { untilMs: number; suppressed: number }>();

  constructor(options: LogOptions) {
    this.#write = options.write ?? ((line) => void process.stderr.write(line));
    this.#now = options.now ?? (() => new Date());
    if (options.format === 'text') return;
    const timestamp = (): string => `,"time":"${this.#now().toISOString()}"`;
    this.#json = pino({ base: null, messageKey: 'event', timestamp, formatters: { level } }, { write: this.#write });
  }

  /** @param event one of `EVENTS`; any other is written too, as `info`: better a strange line than none */
  write(event: EventName, fields?: LogFields): void;
  write(event: string, fields?: LogFields): void;
  write(event: string, fields: LogFields = {}): void {
    const kind: EventKind = Object.hasOwn(EVENTS, event) ? EVENTS[event as EventName] : UNKNOWN;
    const suppressed = kind.limited ? this.#admit(`${event} ${String(fields['peer'] ?? fields['from'])}`) : 0;
    if (suppressed === undefined) return;
    const all = suppressed > 0 ? { ...fields, suppressed } : fields;
    if (this.#json !== undefined) this.#json[kind.level](all, event);
    else this.#write(formatLine(this.#now(), event, all));
  }

  /** @returns how many like it were left out since the last one written, or undefined to leave this one out too */
  #admit(key: string): number | undefined {
    const nowMs = this.#now().getTime();
    if (this.#limited.size >= MAX_LIMITED)
      for (const [old, { untilMs }] of this.#limited) if (untilMs <= nowMs) this.#limited.delete(old);
    const slot = this.#limited.has(key) || this.#limited.size < MAX_LIMITED ? key : '';
    const known = this.#limited.get(slot);
    if (known !== undefined && nowMs < known.untilMs) {
      known.suppressed++;
      return undefined;
    }
    this.#limited.set(slot, { untilMs: nowMs + LIMIT_MS, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}

const UNKNOWN: EventKind = { level: 'info', sentence: '' };

const level = (label: string): { level: string } => ({ level: label });

/** `23:05:01 peer-alive         peer=web1 id=a1b2c3d4`, in local time. */
function formatLine(now: Date, event: string, fields: LogFields): string {
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
  const words = Object.entries(fields).flatMap(([k, v]) => (v === undefined ? [] : `${k}=${formatValue(v)}`));
  return `${[time, event.padEnd(NAME_WIDTH), ...words].join(' ').trimEnd()}\n`;
}

/** Peer ids short. What has spaces, quotes or anything that is not printable is quoted, so that no input can forge a line. */
function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  if (/^[0-9a-f]{32}$/.test(text)) return text.slice(0, 8);
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : JSON.stringify(text).replace(/[^\P{C}]/gu, escape);
}

const escape = (c: string): string => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`;
