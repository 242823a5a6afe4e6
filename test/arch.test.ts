// The rules of CONVENTIONS.md that a machine can keep: who imports whom, who may touch the world, how long a file may be.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** Of a file's path → what its relative imports may resolve to. The first match counts; OWN is the importing file's folder. */
const MAY_IMPORT: readonly (readonly [from: RegExp, to: string])[] = [
  [/^router\/types\.ts/, '$^'],
  [/^router\/(core|address|deadlines)\.ts/, 'router/types'],
  [/^router\/connection\//, '(OWN|router/(types|core|address|deadlines|wire/|trust/))'],
  [/^router\/(wire|swim|gossip)\//, '(OWN|router/(types|core|address|deadlines|wire/))'],
  [/^router\/runtime\//, 'router/'],
  [/^router\/index\.ts/, 'router/'],
  [/^router\//, 'router/(?!runtime/|index)'],
  [/^datapath\//, '(datapath/|router/(types|address|core|deadlines|replay)\\.)'],
  [/^cli\/daemon\//, '(cli/|router/(index|types|address|trust/secret)\\.|datapath/(index|datapath|kernel)\\.)'],
  [/^cli\/main\.ts/, 'cli/'],
  [/^cli\//, '(cli/(?!daemon/)|router/(types|address|trust/secret)\\.)'],
];

/** Files that may read the clock, roll the dice or call the system; everything else is a pure core. */
const SHELL = [
  /^router\/runtime\//,
  /^router\/swim\/swim-/,
  /^datapath\/syscalls\.ts/,
  /^datapath\/netlink\/(linux-kernel|socket|dump-worker|dump|row-writer-worker|row-writer)\.ts/,
  /^datapath\/(linux-datapath|clock|reconcile|apply|endpoints)\.ts/,
  /^datapath\/(paths\/|guard\/(create-guard|own-table)\.ts)/,
  /^datapath\/sleeve\/((native|worker)\/|(sleeve|supervisor|peer-book)\.ts)/,
  /^cli\//,
];
const AMBIENT =
  /\b(Date\.now|performance\.now|Math\.random|randomBytes|setTimeout|setInterval|setImmediate|process\.\w)|'node:(?!crypto'|buffer')/;

/** Each dependency is known to one file of ours. */
const KNOWN_TO: Readonly<Record<string, RegExp>> = {
  commander: /^cli\/program\.ts/,
  'ipaddr.js': /^router\/address\.ts/,
  koffi: /^datapath\/syscalls\.ts/,
  'msgpack-lite': /^router\/wire\/msgpack\.ts/,
  netlink: /^datapath\/netlink\/codec\.ts/,
  'noise-protocol': /^router\/noise\.ts/,
  pino: /^router\/runtime\/log\.ts/,
  swim: /^router\/swim\/swim-library\.ts/,
  'write-file-atomic': /^router\/runtime\/state-dir\.ts/,
};

const MAX_LINES = 400;

const under = (top: string): string[] =>
  readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${top}/${name}`)
    .sort();

const read = (path: string): string => readFileSync(path, 'utf8');
const sources = ['router', 'datapath', 'cli'].flatMap(under);
const tests = ['test', 'bench'].flatMap(under);

/** What a file imports, by any spelling. */
const imports = (text: string): string[] =>
  [...text.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^'\s]+)'/g)].map((m) => m[1]!);

/** A path without strings and comments fooling the search for calls. */
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

test('each folder imports only what lies below it', () => {
  const wrong = sources.flatMap((path) => {
    const own = path.slice(0, path.lastIndexOf('/') + 1);
    const rule = MAY_IMPORT.find(([from]) => from.test(path))![1];
    const allowed = new RegExp(`^(?:${rule.replace('OWN', own)})`);
    return imports(read(path))
      .filter((spec) => spec.startsWith('.'))
      .map((spec) => new URL(spec, `file:///${path}`).pathname.slice(1))
      .filter((target) => !allowed.test(target))
      .map((target) => `${path} → ${target}`);
  });
  assert.deepEqual(wrong, []);
});

test('no core reads the clock, the dice or the world', () => {
  const wrong = sources
    .filter((path) => !path.endsWith('.d.ts') && !SHELL.some((shell) => shell.test(path)))
    .flatMap((path) => {
      const found = AMBIENT.exec(code(read(path)));
      return found ? [`${path}: ${found[0]}`] : [];
    });
  assert.deepEqual(wrong, []);
});

test('a dependency is used behind one file of ours', () => {
  const users = new Map<string, string[]>();
  for (const path of sources) {
    const foreign = imports(read(path)).filter((spec) => !spec.startsWith('.') && !spec.startsWith('node:'));
    for (const name of new Set(foreign.map((spec) => spec.split('/')[0]!)))
      users.set(name, [...(users.get(name) ?? []), path]);
  }
  for (const [name, paths] of users) {
    assert.ok(Object.hasOwn(KNOWN_TO, name), `${name} is imported by ${paths.join(', ')}: is it one of ours?`);
    assert.equal(paths.length, 1, `${name} is imported by ${paths.join(', ')}`);
    assert.match(paths[0]!, KNOWN_TO[name]!);
  }
});

test(`no file has more than ${MAX_LINES} lines`, () => {
  const long = [...sources, ...tests].filter((path) => read(path).split('\n').length > MAX_LINES + 1);
  assert.deepEqual(long, []);
});

test('there is no enum, no default export and no work left for later', () => {
  // Spelt so that this file does not find itself.
  const banned = ['\\benum \\w+ *{', '^export default', 'TO' + 'DO|FIX' + 'ME|X' + 'XX'];
  const pattern = new RegExp(banned.join('|'), 'm');
  const found = [...sources, ...tests].flatMap((path) => {
    const match = pattern.exec(read(path).replace(/'[^'\n]*'/g, "''"));
    return match ? [`${path}: ${match[0]}`] : [];
  });
  assert.deepEqual(found, []);
});

test('no test is skipped, left for later, or run alone', () => {
  const pattern =
    /\b(?:test|it|describe|suite|t)\.(?:skip|todo|only)\b|\b(?:skip|todo|only): *(?!false\b)|expectFailure/;
  const found = tests.filter((path) => path !== 'test/arch.test.ts' && pattern.test(code(read(path))));
  assert.deepEqual(found, []);
});

test('test files mirror the sources', () => {
  const apart = /^test\/(arch\.test|netns|sim|support|contract|vectors|scripts)/;
  const all = new Set([...sources, ...under('bench')]);
  const folders = new Set([...all].map((path) => path.slice(0, path.lastIndexOf('/'))));
  const lost = under('test')
    .filter((path) => path.endsWith('.test.ts') && !apart.test(path))
    .map((path) => path.slice('test/'.length))
    .filter((path) => !all.has(path.replace('.test.ts', '.ts')) && !folders.has(path.slice(0, path.lastIndexOf('/'))));
  assert.deepEqual(lost, []);
});

test('the lock file names no registry, and no dependency runs a script when it is installed', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; hasInstallScript?: boolean }>;
  };
  const allowed = (JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> }).allowScripts;
  for (const [path, { resolved = '', hasInstallScript }] of Object.entries(lock.packages)) {
    assert.ok(!resolved.includes('://'), `${path} is bound to ${resolved}`);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (hasInstallScript) assert.equal(allowed[name], false, `${name} has an install script`);
  }
});

test('every dependency is explained in docs/decisions.md', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const decisions = read('docs/decisions.md');
  const silent = Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !decisions.includes(`\`${name}\``),
  );
  assert.deepEqual(silent, []);
});
