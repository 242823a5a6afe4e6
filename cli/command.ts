// What a command is: its words for --help, its options, and a run that talks to the world only through Io and Deps.
import type { RouterClient } from './client.js';
import type { LaunchConfig } from './options.js';

/** Exit codes: done; refused (by the router, the kernel, a peer); the command line is wrong; no router; our bug. */
export const EXIT = { done: 0, refused: 1, usage: 2, notRunning: 3, bug: 70 } as const;

/** The terminal as a command sees it. `out` and `err` write one or more whole lines and add the last newline. */
export interface Io {
  /** Data: what a script reads. */
  out(text: string): void;
  /** Words: what a person reads. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal in characters; 80 where stdout is none. */
  readonly columns: number;
  /** May stdout be coloured? */
  readonly colour: boolean;
}

/** What the commands stand on; a test gives its own. The heavy ones are loaded when first called. */
export interface Deps {
  router(socket: string): Promise<RouterClient>;
  /** Runs in the foreground until the router ends. @returns the exit code */
  runRouter(config: LaunchConfig, io: Io): Promise<number>;
  /** Starts `mesh launch` in the background; returns when its socket answers. @throws Failure with the router's own last words */
  launchInBackground(config: LaunchConfig, io: Io): Promise<number>;
  runDemo(options: { readonly keep: boolean }, io: Io): Promise<number>;
  hostname(): string;
  /** Takes a secret out of the process list. @returns false where that cannot be done */
  conceal(secret: string): boolean;
  /** Standard input to its end. */
  readInput(): string;
}

/** `flags` in commander's words: `--ip <CIDR>`. A `list` may be repeated, or take several values with commas. */
export interface OptionSpec {
  readonly flags: string;
  readonly help: string;
  readonly list?: true;
}

/** The command line, after its form has been checked. Names are those of the long flags, without dashes. */
export interface Input {
  readonly args: readonly string[];
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  flag(name: string): boolean;
}

export interface Context {
  readonly io: Io;
  readonly deps: Deps;
  /** A client for the router that --socket or MESH_SOCKET names. Nothing is sent yet. */
  readonly router: () => Promise<RouterClient>;
}

export interface Command {
  readonly name: string;
  /** Completes "mesh: cannot …": `connect to`, `show the status`. The first argument follows in quotes. */
  readonly verb: string;
  /** In commander's words: `<peer...>`, `[view]`. */
  readonly args?: string;
  readonly help: string;
  readonly options: readonly OptionSpec[];
  /** Command lines a person can paste. */
  readonly examples: readonly string[];
  /** @throws Failure for all that a person can do something about */
  run(input: Input, context: Context): Promise<number>;
}

/** A refusal in words: printed as `mesh: cannot <do> "<thing>": <why>`, then `  try: <remedy>` if there is one. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly exit: number;
  readonly remedy: string | undefined;

  constructor(exit: number, why: string, remedy?: string) {
    super(why);
    this.exit = exit;
    this.remedy = remedy;
  }
}

/** The command line is wrong. Without a remedy, the command's --help is offered. */
export class UsageError extends Failure {
  override readonly name = 'UsageError';

  constructor(why: string, remedy?: string) {
    super(EXIT.usage, why, remedy);
  }
}

/** Not for this user: the same command line with sudo is the remedy. */
export class Denied extends Failure {
  override readonly name = 'Denied';

  constructor(why: string) {
    super(EXIT.refused, why);
  }
}

/** `mesh: cannot connect to "b": it is not a router` and, when there is a remedy, `  try: …` on a line of its own. */
export const sentence = (doing: string, why: string, remedy?: string): string =>
  `mesh: cannot ${doing}: ${why}${remedy ? `\n  try: ${remedy}` : ''}`;
