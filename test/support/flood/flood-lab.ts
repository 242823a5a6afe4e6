// Floods in a laboratory: a host that attacks, what it has recorded, and that host's floods.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { meshKeys, rootOf } from '../../../router/trust/mesh-keys.js';
import { parseSecret } from '../../../router/trust/secret.js';
import { SecureStream } from '../../../router/trust/secure-stream.js';
import type { Ip, Mac } from '../../../router/types.js';
import { LAB_SECRET, type Capture, type Host } from '../netns.js';
import { framesOf } from '../pcap.js';
import { realTrust } from '../real-trust.js';
import type { Port } from './attack-frames.js';
import type { Flood } from './flood-process.js';

const PROCESS = fileURLToPath(new URL('./flood-process.js', import.meta.url));
const CONTROL_PORT = 6783;
const PORTS: Readonly<Record<Exclude<Port, 'streams'>, number>> = { datagrams: 6783, sleeve: 6784, vxlan: 6785 };

/** What a flood is made of, beside what it is aimed at. */
export type Kind = Pick<Flood, 'at' | 'perS' | 'sources'>;

export class Attacker {
  readonly host: Host;
  readonly #target: Host;
  readonly #link: string;
  readonly #callers: readonly string[];
  readonly #recorded: Record<Port, readonly string[]> = { streams: [], datagrams: [], sleeve: [], vxlan: [] };
  readonly #running: ChildProcess[] = [];

  /** The target answers everybody it does not know by way of this host. @param callers addresses that it really has, 250 at most */
  constructor(host: Host, target: Host, callers: number, link = 'eth0') {
    this.host = host;
    this.#target = target;
    this.#link = link;
    this.#callers = Array.from({ length: callers }, (_, n) => `10.98.0.${n + 1}`);
    if (callers > 0) host.netns.ip(...this.#callers.map((ip) => `addr add ${ip}/32 dev ${link}`));
    target.netns.ip(`route add default via ${host.v4}`);
  }

  /** Has what a peer said once: its first words on a stream, and datagrams of a recording, to any port of the target. */
  async record(capture: Capture): Promise<void> {
    const secret = parseSecret(LAB_SECRET);
    assert.ok(secret.kind === 'words');
    const stream = new SecureStream(await realTrust(meshKeys(rootOf(secret.entropy))));
    const said = stream.opened(true).flatMap((item) => (item.kind === 'say' ? [Buffer.from(item.bytes)] : []));
    this.#recorded.streams = [Buffer.concat(said).toString('hex')];
    await capture.stop();
    for (const frame of framesOf(capture.file)) {
      const isUdp4 = frame.readUInt16BE(12) === 0x0800 && frame[23] === 17;
      const port = isUdp4 && (Object.keys(PORTS) as (keyof typeof PORTS)[]).find((p) => PORTS[p] === frame.readUInt16BE(36)); // prettier-ignore
      if (port && frame.subarray(30, 34).join('.') === this.#target.v4 && this.#recorded[port].length < 64)
        this.#recorded[port] = [...this.#recorded[port], frame.subarray(42).toString('hex')];
    }
  }

  /** How many payloads there are to be said again. */
  recorded(at: Port): number {
    return this.#recorded[at].length;
  }

  flood(kind: Kind): void {
    const target = { mac: macOf(this.#target, this.#link), ip: this.#target.v4 as Ip, port: CONTROL_PORT };
    const callers = kind.at === 'streams' ? this.#callers : [];
    const flood: Flood = { ...kind, link: this.#link, target, callers, recorded: this.#recorded[kind.at] };
    const argv = [process.execPath, PROCESS, JSON.stringify(flood)];
    this.#running.push(this.host.netns.start(argv, ['ignore', 'pipe', 'inherit']));
  }

  /** @returns how many packets the floods sent, by their own last word */
  async end(): Promise<number> {
    const ends = this.#running.splice(0).map(async (child) => {
      let said = '';
      child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      const last = said.trim().split('\n').at(-1);
      return last ? (JSON.parse(last) as { sent: number }).sent : 0;
    });
    return (await Promise.all(ends)).reduce((sum, n) => sum + n, 0);
  }
}

const macOf = (host: Host, link: string): Mac =>
  /link\/ether (\S+)/.exec(
    execFileSync('ip', ['-n', host.netns.name, 'link', 'show', link], { encoding: 'utf8' }),
  )![1] as Mac;
