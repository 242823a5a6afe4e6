// What "refused" means: one sentence, a command that may help, an exit code, and nothing changed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Done } from '../../cli/demo/namespace.js';
import type { RouterProcess } from './router-process.js';

export interface Refusal {
  readonly code: number;
  /** What comes after `mesh: cannot `. */
  readonly says: string | RegExp;
  /** The `try:` line; left out, there must be one, whatever it says. */
  readonly remedy?: string;
}

/** One line that says why, and one that says what to try; nothing on stdout. */
export function assertRefused(done: Done, { code, says, remedy }: Refusal): void {
  assert.deepEqual([done.code, done.stdout], [code, ''], done.stderr);
  const [sentence = '', tryLine = '', ...rest] = done.stderr.split('\n');
  assert.ok(sentence.startsWith('mesh: cannot '), done.stderr);
  const said = sentence.slice('mesh: cannot '.length);
  if (typeof says === 'string') assert.equal(said, says);
  else assert.match(said, says);
  assert.match(tryLine, /^ {2}try: \S/);
  if (remedy !== undefined) assert.equal(tryLine, `  try: ${remedy}`);
  assert.deepEqual(rest, [''], 'it says more than that');
}

/** Runs a command that must be refused, and looks whether the router, its disk and its links are as they were. */
export async function refuses(router: RouterProcess, argv: readonly string[], refusal: Refusal): Promise<void> {
  const before = await imprint(router);
  assertRefused(await router.mesh(...argv), refusal);
  assert.deepEqual(await imprint(router), before);
}

/** What a refused command must leave as it was. */
export async function imprint(router: RouterProcess): Promise<unknown> {
  const { self, peers, networks, endpoints, exposed, macs, targets } = await router.status(true);
  const links = await router.host.netns.must('ip', '-o', 'link', 'show');
  return {
    ...{ networks, endpoints, exposed, macs },
    incarnation: self.incarnation,
    peers: peers.map(({ name, status }) => `${name} ${status}`),
    targets: targets.map(({ target }) => target),
    links: [...links.matchAll(/^\d+: ([^:@]+)/gm)].map((m) => m[1]),
    files: files(router.stateDir, ['identity.json', 'incarnation.json', 'endpoints.json']),
  };
}

/** The directory byte for byte; undefined where there is none. @param names only these */
export function files(dir: string, names?: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (!existsSync(dir)) return undefined;
  const there = readdirSync(dir).filter((name) => names?.includes(name) ?? true);
  return Object.fromEntries(there.sort().map((name) => [name, readFileSync(join(dir, name), 'latin1')]));
}
