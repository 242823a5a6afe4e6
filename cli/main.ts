#!/usr/bin/env node
// The process around the commands: its streams, its environment, its exit code.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Deps, Io } from './command.js';
import { conceal } from './conceal.js';
import { runCli } from './program.js';

// The bundle's lines are nobody's; reading its maps takes too long for every start.
if (process.env.MESH_DEBUG === '1') process.setSourceMapsEnabled(true);

/** @returns undefined unless it is a sensible width */
const width = (columns: unknown): number | undefined =>
  Number.isInteger(Number(columns)) && Number(columns) >= 40 ? Number(columns) : undefined;

const io: Io = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  env: process.env,
  columns: width(process.stdout.columns) ?? width(process.env.COLUMNS) ?? 80,
  // https://no-color.org: set and not empty, whatever its value.
  colour: process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
};

// Loaded when called: a client command must not pay for a router.
const deps: Deps = {
  router: async (socket) => (await import('./client.js')).createClient(socket),
  runRouter: async (config, terminal) => (await import('./daemon/daemon.js')).runRouter(config, terminal),
  launchInBackground: async (config, terminal) =>
    (await import('./background.js')).launchInBackground(config, terminal),
  runDemo: async (options, terminal) => (await import('./demo/demo.js')).runDemo(options, terminal),
  hostname,
  conceal,
  readInput: () => readFileSync(0, 'utf8'),
};

// `mesh status | head` closes the pipe: that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const exitCode = await runCli(process.argv.slice(2), io, deps);
// A pipe takes its time; exit before it is empty and the end is lost.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
