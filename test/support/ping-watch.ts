// Pings that go on while something happens, with the time of each reply: what an outage is measured by.
import type { ChildProcess } from 'node:child_process';
import { eventually, type Namespace } from './netns.js';

interface Reply {
  readonly seq: number;
  /** Milliseconds since 1970, as `Date.now()`. */
  readonly at: number;
}

export class PingWatch {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #intervalMs: number;
  readonly #replies: Reply[] = [];
  #rest = '';

  constructor(from: Namespace, address: string, intervalMs: number) {
    this.#intervalMs = intervalMs;
    const argv = ['ping', '-n', '-D', '-W', '1', '-i', `${intervalMs / 1000}`, address];
    this.#child = from.start(argv, ['ignore', 'pipe', 'ignore']);
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#read(text));
  }

  /** Waits until it is answered again, `count` times from now on. @returns after how many ms the first reply came */
  async answered(withinMs: number, count = 3, since = Date.now()): Promise<number> {
    return eventually('replies to pings', withinMs, () => {
      const replies = this.#replies.filter(({ at }) => at > since);
      return Promise.resolve(replies.length >= count ? replies[0]!.at - since : undefined);
    });
  }

  /** The first reply after that time, of those that came so far. */
  firstAfter(since: number): number | undefined {
    return this.#replies.find(({ at }) => at > since)?.at;
  }

  /** Ends it; may be called again. @returns pings that were not answered after `since`, each standing for an interval, and the longest silence */
  async stop(since = 0): Promise<{ readonly lost: number; readonly gapMs: number; readonly replies: number }> {
    this.#child.kill('SIGINT');
    await this.#ended;
    const replies = this.#replies.filter(({ at }) => at > since);
    const pairs = replies.slice(1).map((reply, i) => [replies[i]!, reply] as const);
    return {
      lost: pairs.reduce((lost, [a, b]) => lost + b.seq - a.seq - 1, 0),
      gapMs: Math.max(
        0,
        ...pairs.filter(([a, b]) => b.seq > a.seq + 1).map(([a, b]) => b.at - a.at - this.#intervalMs),
      ),
      replies: replies.length,
    };
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const reply = /^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+)/.exec(line);
      if (reply) this.#replies.push({ at: Number(reply[1]) * 1000, seq: Number(reply[2]) });
    }
  }
}
