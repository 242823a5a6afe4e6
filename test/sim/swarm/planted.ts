// `make sim-planted`: bugs planted in a copy of what was compiled, one line each; random scenarios must find every one.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseOptions } from './options.js';
import { swarm } from './swarm.js';

interface Planted {
  readonly what: string;
  readonly file: string;
  /** Occurs once in the compiled file. */
  readonly line: string;
  readonly instead: string;
}

const WITHIN = 1_000;
const SECONDS = 600;
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

const BUGS: readonly Planted[] = [
  {
    what: 'a tombstone is dropped: a withdrawal loses its rank',
    file: 'router/gossip/claims.js',
    line: 'const isClaim = !change.gone && seq > 0;',
    instead: 'const isClaim = !change.gone && seq > 0 && change.value !== undefined;',
  },
  {
    what: 'a tombstone is dropped: a restart does not bury what it does not renew',
    file: 'router/gossip/own-stream.js',
    line: 'value: isShared(key) ? value : undefined',
    instead: 'value',
  },
  {
    what: 'versions are compared wrongly: the head of a stream counts as old',
    file: 'router/gossip/replicas.js',
    line: 'if (block.version <= this.forgottenHead(block.owner, block.topic))',
    instead:
      'if (block.version >= this.forgottenHead(block.owner, block.topic) && this.forgottenHead(block.owner, block.topic) > 0)',
  },
  {
    what: 'versions are compared wrongly: of two claims with one sequence that of the lower peer wins',
    file: 'router/gossip/claims.js',
    line: '(a.owner > b.owner ? -1 : 1)',
    instead: '(a.owner < b.owner ? -1 : 1)',
  },
  {
    what: 'versions are compared wrongly: of two claims with one sequence the last heard wins',
    file: 'router/gossip/claims.js',
    line: 'b.seq - a.seq || (a.owner > b.owner ? -1 : 1)',
    instead: 'b.seq - a.seq',
  },
  {
    what: 'a flood entry is forgotten: the second MAC of a peer makes it a member, not the first',
    file: 'router/forwarding.js',
    line: 'if (before > 0 === before + step > 0)',
    instead: 'if (before > 1 === before + step > 1)',
  },
  {
    what: 'a flood entry is forgotten: a peer that has no MAC any more stays a member',
    file: 'router/forwarding.js',
    line: 'if (before > 0 === before + step > 0)',
    instead: 'if (before > 0)',
  },
  {
    what: 'records leave in another order than they were numbered: a frame is sealed when it is thought of',
    file: 'router/connection/connections.js',
    line: 'return new Saying(conn, secure, frame);',
    instead: "return { kind: 'send', conn, bytes: secure.seal(frame) };",
  },
  {
    what: 'a block is believed though its owner did not sign it',
    file: 'router/gossip/store.js',
    line: 'if (!this.#options.signatures.verify(kept.bytes, owner, publicKey))',
    instead: 'if (false)',
  },
  {
    what: 'a peer that was evicted may write again when it has been launched anew',
    file: 'router/open-store.js',
    line: "if (claims.holderOf('core', evictedKey(owner)) !== undefined)",
    instead: 'if (false)',
  },
  {
    what: 'who was evicted may connect again',
    file: 'router/router.js',
    line: 'if (this.ledger.isEvicted(fx.connection.peer))',
    instead: 'if (false)',
  },
];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @throws Error if the line is not there once: the plant has to follow the code */
function plant(copy: string, { file, line, instead }: Planted): void {
  const path = join(copy, 'dist', file);
  const parts = readFileSync(path, 'utf8').split(line);
  if (parts.length !== 2) throw new Error(`${file} has "${line}" ${parts.length - 1} times: plant another bug`);
  writeFileSync(path, parts.join(instead));
}

/** @returns whether it was found */
async function find(bug: Planted, seed: number, jobs: number): Promise<boolean> {
  const copy = mkdtempSync(join(tmpdir(), 'mesh-planted-'));
  try {
    for (const folder of ['router', 'datapath', 'test/sim', 'test/support'])
      cpSync(join(ROOT, 'dist', folder), join(copy, 'dist', folder), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    plant(copy, bug);
    const worker = pathToFileURL(join(copy, 'dist/test/sim/swarm/worker.js'));
    const options = { seconds: SECONDS, seed, count: WITHIN, jobs, script: undefined };
    const { scenarios, failed } = await swarm(options, worker, () => undefined);
    const how = failed?.verdict.broken?.sentence.split('\n')[0];
    say(
      `${bug.what}\n  ${how === undefined ? `not found in ${scenarios} scenarios` : `found after ${scenarios + 1}: ${how}`}`,
    );
    return failed !== undefined;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.env, Math.floor(Math.random() * 2 ** 31), availableParallelism());
  if (typeof options === 'string') {
    process.stderr.write(`make sim-planted: ${options}\n`);
    return 2;
  }
  say(`scenarios from seed ${options.seed} on, in ${options.jobs} processes`);
  let missed = 0;
  for (const bug of BUGS) if (!(await find(bug, options.seed, options.jobs))) missed++;
  say(missed === 0 ? `all ${BUGS.length} were found` : `${missed} of ${BUGS.length} were not found`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main();
