// All that happens in a world, summed up in one hash: two runs that differ in a byte or a microsecond have another.
import { createHash } from 'node:crypto';
import type { NetworkEvent } from '../../../router/runtime/network.js';
import type { ForwardingDelta } from '../../../router/types.js';

export class Trace {
  /** One line for each thing that happened, if they are kept. */
  readonly lines: string[] = [];
  readonly #hash = createHash('sha256');
  readonly #now: () => number;
  readonly #keeps: boolean;

  /** @param keeps every line, which a long run has no room for */
  constructor(now: () => number, keeps: boolean) {
    this.#now = now;
    this.#keeps = keeps;
  }

  /** Of all that happened so far, 64 hex digits. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  network(host: string, ev: NetworkEvent): void {
    switch (ev.kind) {
      case 'datagram':
        return this.note(host, `datagram ${ev.from.ip}:${ev.from.port} ${ev.bytes.length} ${fingerprint(ev.bytes)}`);
      case 'received':
        return this.note(host, `received ${ev.conn} ${ev.bytes.length} ${fingerprint(ev.bytes)}`);
      case 'opened':
        return this.note(host, `opened ${ev.conn} ${ev.remote.ip}:${ev.remote.port}`);
      case 'closed':
      case 'dialFailed':
        return this.note(host, `${ev.kind} ${ev.conn} ${ev.reason}`);
    }
  }

  forward(host: string, deltas: readonly ForwardingDelta[]): void {
    for (const delta of deltas) this.note(host, `forward ${JSON.stringify(delta)}`);
  }

  note(host: string, what: string): void {
    const line = `${this.#now()} ${host} ${what}`;
    this.#hash.update(line);
    if (this.#keeps) this.lines.push(line);
  }
}

/** FNV-1a, 32 bits, as hex digits. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash >>> 0).toString(16);
}
