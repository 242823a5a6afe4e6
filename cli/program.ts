// argv → command → exit code; the one file that knows commander. Only the command that was named is loaded.
import { Command as Parser, CommanderError, type Help } from 'commander';
import {
  Denied,
  EXIT,
  Failure,
  sentence,
  UsageError,
  type Command,
  type Context,
  type Deps,
  type Input,
  type Io,
} from './command.js';
import { SOCKET_OPTION, socketPath } from './paths.js';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  launch: { summary: "start this host's router", load: async () => (await import('./commands/launch.js')).launch },
  connect: { summary: 'join with peers', load: async () => (await import('./commands/connect.js')).connect },
  forget: {
    summary: 'stop dialling peers, purge faulty ones',
    load: async () => (await import('./commands/forget.js')).forget,
  },
  secret: {
    summary: 'print the line to type on the next host',
    load: async () => (await import('./commands/secret.js')).secret,
  },
  'secret rotate': {
    summary: 'change the secret while the mesh runs',
    load: async () => (await import('./commands/secret-rotate.js')).secretRotate,
  },
  evict: {
    summary: 'put peers out of the mesh for good',
    load: async () => (await import('./commands/evict.js')).evict,
  },
  attach: {
    summary: 'give a container an interface and addresses',
    load: async () => (await import('./commands/attach.js')).attach,
  },
  detach: { summary: 'take them away again', load: async () => (await import('./commands/detach.js')).detach },
  expose: {
    summary: 'give this host itself an address',
    load: async () => (await import('./commands/expose.js')).expose,
  },
  hide: { summary: 'take it away again', load: async () => (await import('./commands/hide.js')).hide },
  status: {
    summary: 'show what the router knows, and why',
    load: async () => (await import('./commands/status.js')).status,
  },
  report: { summary: 'print everything as JSON', load: async () => (await import('./commands/report.js')).report },
  stop: { summary: 'stop the router; traffic goes on', load: async () => (await import('./commands/stop.js')).stop },
  reset: {
    summary: 'leave the mesh and remove every trace',
    load: async () => (await import('./commands/reset.js')).reset,
  },
  demo: {
    summary: 'three hosts on this machine, in namespaces',
    load: async () => (await import('./commands/demo.js')).demo,
  },
};

const ABOUT = 'mesh joins containers on many Linux hosts into one network.';
const FIRST_STEPS = `
First steps:
  sudo mesh launch --detach            on the first host
  sudo mesh secret                     prints the line to type on the others
  sudo mesh attach web --ip 10.32.0.1/12
  mesh status topology`;

/**
 * Runs one command line.
 * @param argv without node and the script
 * @returns the exit code; nothing is thrown
 */
export async function runCli(argv: readonly string[], io: Io, deps: Deps): Promise<number> {
  const name = wanted(argv);
  const entry = name === undefined ? undefined : lookup(name);
  try {
    if (name === undefined || entry === undefined) return await runRoot(argv, io);
    const command = await entry.load();
    return await runCommand(command, argv[0] === 'help' ? ['--help'] : argv.slice(name.split(' ').length), io, deps);
  } catch (error) {
    return explainBug(error, argv, io);
  }
}

/** `mesh help status` is `mesh status --help`. Some names are two words. */
function wanted(argv: readonly string[]): string | undefined {
  const [first, second = ''] = argv[0] === 'help' ? argv.slice(1) : argv;
  return lookup(`${first} ${second}`) === undefined ? first : `${first} ${second}`;
}

const lookup = (name: string): Entry | undefined => (Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined);

async function runRoot(argv: readonly string[], io: Io): Promise<number> {
  const parser = quiet(new Parser('mesh'), io).description(ABOUT).usage('COMMAND [options]').helpCommand(false);
  for (const [name, { summary }] of Object.entries(COMMANDS))
    parser.addCommand(new Parser(name).summary(summary).description(summary)); // `command` would take a second word for an argument
  parser.option('-V, --version', 'print the version').addHelpText('after', FIRST_STEPS);
  const bare = argv.length === 0 || (argv[0] === 'help' && argv.length === 1);
  try {
    await parser.parseAsync(bare ? ['--help'] : argv[0] === 'help' ? argv.slice(1) : argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // commander sees `mesh --version` as a command that is missing.
    if (parser.opts<{ version?: boolean }>().version !== true) return explainRoot(error, io);
  }
  const { meshVersion } = await import('./version.js');
  io.out(meshVersion());
  return EXIT.done;
}

async function runCommand(command: Command, argv: readonly string[], io: Io, deps: Deps): Promise<number> {
  const parser = quiet(new Parser(`mesh ${command.name}`), io)
    .description(command.help)
    .usage(usageOf(command));
  for (const argument of command.args?.split(' ') ?? []) parser.argument(argument);
  for (const { flags, help, list } of [...command.options, SOCKET_OPTION]) {
    if (list)
      parser.option(flags, help, (value: string, before: readonly string[] = []) => [...before, ...value.split(',')]);
    else parser.option(flags, help);
  }
  parser.addHelpText(
    'after',
    `\nExample${command.examples.length > 1 ? 's' : ''}:\n  ${command.examples.join('\n  ')}`,
  );
  try {
    await parser.parseAsync([...argv], { from: 'user' });
    const input = inputOf(parser);
    return await command.run(input, contextOf(input, io, deps));
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT.done : explain(usage(error), command, parser, argv, io);
    }
    if (error instanceof Failure) return explain(error, command, parser, argv, io);
    throw error;
  }
}

const usageOf = (command: Command): string =>
  [
    '[options]',
    ...(command.args
      ?.replace(/<([^>]+)>/g, '$1')
      .toUpperCase()
      .split(' ') ?? []),
  ].join(' ');

/** commander neither exits nor writes errors: both are ours. */
function quiet(parser: Parser, io: Io): Parser {
  return parser
    .exitOverride()
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'show this')
    .configureHelp({
      helpWidth: 80,
      subcommandTerm: (sub) => sub.name(),
      visibleArguments: () => [],
    } satisfies Partial<Help>)
    .configureOutput({ writeOut: (text) => io.out(text.replace(/\n$/, '')), writeErr: () => undefined });
}

function inputOf(parser: Parser): Input {
  const options = parser.opts<Record<string, unknown>>();
  const value = (name: string): unknown => options[name.replace(/-(.)/g, (_, c: string) => c.toUpperCase())];
  return {
    args: parser.args,
    text: (name) => value(name) as string | undefined,
    list: (name) => (value(name) as string[] | undefined) ?? [],
    flag: (name) => value(name) === true,
  };
}

const contextOf = (input: Input, io: Io, deps: Deps): Context => ({
  io,
  deps,
  router: async () => deps.router(socketPath(input, io.env)),
});

/** commander's message in our words: `error: unknown option '--foo'\n(Did you mean --force?)`. */
function usage(error: CommanderError): UsageError {
  const [text = '', hint = ''] = error.message.replace(/^error: /, '').split('\n');
  const meant = /^\(Did you mean (?:one of )?(.*)\?\)$/.exec(hint)?.[1];
  const why = text
    .replace(/'/g, '"')
    .replace(/^missing required argument "(.*)"$/, (_, arg: string) => `${arg.toUpperCase()} is missing`)
    .replace(/^option "(.*)" argument missing$/, 'option "$1" needs a value')
    .replace(/^too many arguments.*/, 'too many arguments');
  return new UsageError(meant ? `${why}, did you mean ${meant}?` : why);
}

/** Before a command was found: an unknown one, or an unknown option. */
function explainRoot(error: CommanderError, io: Io): number {
  const name = /^error: unknown command '(.*)'/.exec(error.message)?.[1];
  if (name === undefined) io.err(sentence('start', usage(error).message, 'mesh --help'));
  else {
    const meant = /\(Did you mean (?:one of )?(\w+)/.exec(error.message)?.[1];
    io.err(sentence(`run "${name}"`, 'there is no such command', meant ? `mesh ${meant}` : 'mesh --help'));
  }
  return EXIT.usage;
}

/** A wrong command line is about the command, all else about the thing it was to be done to. */
function explain(
  failure: Failure,
  command: Command,
  input: Pick<Input, 'args'>,
  argv: readonly string[],
  io: Io,
): number {
  const [verb, thing] = [command.verb, input.args[0]];
  const doing =
    failure instanceof UsageError ? verb.replace(/ to$/, '') : thing === undefined ? verb : `${verb} "${thing}"`;
  const remedy =
    failure.remedy ??
    (failure instanceof UsageError ? `mesh ${command.name} --help` : undefined) ??
    (failure instanceof Denied ? ['sudo mesh', command.name, ...argv].join(' ') : undefined);
  io.err(sentence(doing, failure.message, remedy));
  if (io.env.MESH_DEBUG === '1' && failure.exit !== EXIT.usage) io.err(String(failure.stack));
  return failure.exit;
}

function explainBug(error: unknown, argv: readonly string[], io: Io): number {
  const why = error instanceof Error ? error.message : String(error);
  io.err(`mesh: a bug: ${why.split('\n')[0]}\n  try: MESH_DEBUG=1 mesh ${argv.join(' ')}`);
  if (io.env.MESH_DEBUG === '1') io.err(error instanceof Error ? String(error.stack) : why);
  return EXIT.bug;
}
