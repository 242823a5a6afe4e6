import { EXIT, sentence, type Command, type Io } from '../command.js';
import type { PeerResult } from '../client.js';
import { peerArgument } from '../options.js';
import { SECRET_OPTIONS, secretOption } from '../secret-option.js';

export const connect: Command = {
  name: 'connect',
  verb: 'connect to',
  args: '<peer...>',
  help: 'Join with PEERs, each HOST, HOST:PORT or [IPV6]:PORT. They are dialled again until they are forgotten, also after a restart. With the secret of their mesh, a router that founded one and has neither peers nor endpoints takes it.',
  options: SECRET_OPTIONS,
  examples: [
    'sudo mesh connect 10.0.0.2',
    'sudo mesh connect 10.0.0.2 --secret WORD-WORD-...',
    'sudo mesh connect db1.example.com:6783 "[fd00::2]:6783"',
  ],
  async run(input, { io, deps, router }) {
    const peers = input.args.map(peerArgument);
    const secret = secretOption(input, io, deps);
    const text = secret === undefined || secret === 'open' ? undefined : secret.text;
    const client = await router();
    const results = await (text === undefined ? client.connect(peers) : client.connect(peers, text));
    const isKeptOut = results.some(({ refused = '' }) => refused.includes('secret'));
    const remedy = isKeptOut
      ? 'mesh secret, on a host of that mesh; then here: mesh connect HOST --secret SECRET'
      : 'mesh status connections';
    return reportRefusals(results, 'connect to', remedy, io);
  },
};

/** One sentence for each peer that was refused, or of whom something is to be known. @returns the exit code */
export function reportRefusals(results: readonly PeerResult[], verb: string, remedy: string, io: Io): number {
  for (const { peer, note } of results) if (note !== undefined) io.err(`mesh: warning: "${peer}": ${note}`);
  const refused = results.filter((result) => result.refused !== undefined);
  for (const { peer, refused: why = '' } of refused) io.err(sentence(`${verb} "${peer}"`, why, remedy));
  return refused.length > 0 ? EXIT.refused : EXIT.done;
}
