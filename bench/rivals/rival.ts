// What a tunnel of somebody else has to tell, so that it can be measured between two of our hosts.
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../cli/demo/namespace.js';
import { eventually, type Host } from '../../test/support/netns.js';

export interface Rival {
  /** The Debian package. */
  readonly name: string;
  /** Commands that it takes; without one of them it is not installed. */
  readonly needs: readonly string[];
  /** What it seals with, as most people run it. */
  readonly cipher: string;
  /** Its UDP port on both hosts. */
  readonly port: number;
  /** Does it give its interface the address by itself? */
  readonly hasOwnAddress?: boolean;
  /** Starts both ends; they end with their namespaces. */
  start(ends: Ends): Promise<readonly [ChildProcess, ChildProcess]> | readonly [ChildProcess, ChildProcess];
}

export interface End {
  /** `a` or `b`. */
  readonly side: string;
  readonly host: Host;
  readonly other: Host;
  /** Inside the tunnel, IPv4 in a /24. */
  readonly address: string;
  readonly otherAddress: string;
  /** To be made by the tunnel: unlike the other end's, for some keep files of that name. */
  readonly device: string;
  /** For its files, both ends' own. */
  readonly dir: string;
}
export type Ends = readonly [End, End];

const UP_WITHIN_MS = 20_000;

/** @returns what is missing of a rival, or undefined if it can run here */
export async function missing({ needs }: Rival): Promise<string | undefined> {
  for (const command of needs) if ((await run(['sh', '-c', `command -v ${command}`])).code !== 0) return command;
  return undefined;
}

/** @returns its Debian version */
export const versionOf = async ({ name }: Rival): Promise<string> =>
  (await run(['dpkg-query', '-W', '-f', '${Version}', name])).stdout || 'not of a package';

/**
 * Joins two hosts by a rival's tunnel, and waits until a ping passes.
 * @param dir to put its files in. @param subnet third byte of 10.81.x.0/24
 * @throws Error with what its processes said
 */
export async function joinByRival(
  rival: Rival,
  [a, b]: readonly [Host, Host],
  dir: string,
  subnet: number,
): Promise<{ readonly ends: Ends; readonly processes: readonly [ChildProcess, ChildProcess] }> {
  const of = (side: string, host: Host, other: Host, n: number): End => {
    const own = join(dir, rival.name, side);
    mkdirSync(own, { recursive: true });
    const [address, otherAddress] = [`10.81.${subnet}.${n}`, `10.81.${subnet}.${3 - n}`];
    return { side, host, other, address, otherAddress, device: `${rival.name.slice(0, 9)}-${side}`, dir: own };
  };
  const ends: Ends = [of('a', a, b, 1), of('b', b, a, 2)];
  try {
    const processes = await rival.start(ends);
    for (const end of ends) await setUp(rival, end);
    await eventually(`a ping passes through ${rival.name}`, UP_WITHIN_MS, async () =>
      (await a.netns.run('ping', '-nqc1', '-W1', ends[1].address)).code === 0 ? true : undefined,
    );
    return { ends, processes };
  } catch (error) {
    throw new Error(`${rival.name} does not pass: ${ends.map(lastWords).join(' | ')}`, { cause: error });
  }
}

/** Starts one end's process, whose output goes to a file beside its configuration. */
export function startAt({ host, dir }: End, argv: readonly string[], env = process.env): ChildProcess {
  const log = openSync(join(dir, 'log'), 'a');
  return host.netns.start(argv, ['ignore', log, log], env);
}

/** The interface is the process's to make. */
export const deviceOf = ({ host, device }: End): Promise<true> =>
  eventually(`${device} is there`, UP_WITHIN_MS, async () =>
    (await host.netns.run('ip', 'link', 'show', device)).code === 0 ? true : undefined,
  );

async function setUp({ hasOwnAddress }: Rival, end: End): Promise<void> {
  await deviceOf(end);
  if (hasOwnAddress) return;
  end.host.netns.ip(`addr replace ${end.address}/24 dev ${end.device}`, `link set ${end.device} up`);
}

function lastWords({ side, dir }: End): string {
  try {
    return `${side}: ${readFileSync(join(dir, 'log'), 'utf8').trim().split('\n').slice(-5).join('; ')}`;
  } catch {
    return `${side}: not started`;
  }
}
