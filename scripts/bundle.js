// Bundles the commands and the router into a few files, in place of the dist/cli/main.js that tsc wrote, and each worker thread
// into one: loading 300 modules one by one is most of what starting a router costs. Everything else in dist/ stays as tsc
// makes it, and all works with or without this step.
//
//   usage: node scripts/bundle.js [DIST]     after tsc
import { readFile, rm, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = process.argv[2] ?? join(root, 'dist');
const outdir = join(dist, 'cli');

const WORKERS = [
  'datapath/netlink/dump-worker',
  'datapath/netlink/row-writer-worker',
  'datapath/sleeve/worker/rx-worker',
  'datapath/sleeve/worker/tx-worker',
];

/** What CommonJS packages expect to find around them; and Node's silence about their `new Buffer`, which goes by their folder. */
const COMMONJS = `import { createRequire as meshRequire } from 'node:module';
import { fileURLToPath as meshPath } from 'node:url';
const require = meshRequire(import.meta.url);
const __filename = meshPath(import.meta.url), __dirname = meshPath(new URL('.', import.meta.url));
process.noDeprecation = true;`;

/** A module of ours finds the files beside it (a worker, package.json, main.js) as if it had not been bundled. */
const ownUrls = {
  name: 'own-urls',
  setup({ onLoad }) {
    onLoad({ filter: /\/(cli|router|datapath)\/.*\.ts$/ }, async ({ path }) => {
      const compiled = relative(join(root, 'cli'), path).replace(/\.ts$/, '.js');
      const url = `new URL(${JSON.stringify(`./${compiled}`)}, import.meta.url).href`;
      return { loader: 'ts', contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', url) };
    });
  },
};

const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'sodium-native'], // native: they look for their binaries beside themselves
  sourcemap: true,
  banner: { js: COMMONJS },
  absWorkingDir: root,
  logLevel: 'warning',
};

for (const old of await readdir(outdir)) if (old.startsWith('bundle-')) await rm(join(outdir, old));
await build({
  ...common,
  entryPoints: [join(root, 'cli/main.ts')],
  outdir,
  chunkNames: 'bundle-[hash]',
  splitting: true, // a client command loads no router
  plugins: [ownUrls],
});
await build({
  ...common,
  entryPoints: WORKERS.map((worker) => join(root, `${worker}.ts`)),
  outbase: root,
  outdir: dist,
});
