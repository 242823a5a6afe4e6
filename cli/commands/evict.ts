import { EXIT, UsageError, type Command } from '../command.js';
import { peerWords } from '../options.js';
import { NEW_SECRET_OPTIONS } from '../secret-option.js';
import { reportRefusals } from './connect.js';
import { followRotation, newSecretOption } from './secret-rotate.js';

const REMEDY = 'mesh status peers';

export const evict: Command = {
  name: 'evict',
  verb: 'evict',
  args: '<peer...>',
  help:
    'Put PEERs out of the mesh for good, alive or not: every host drops them at once, purges what they announced, and refuses ' +
    'their keys. Nothing takes it back; on such a host `mesh reset` makes a new key. They know the secret of the mesh: --rotate ' +
    'changes it as `mesh secret rotate` does, and they do not learn the new one. A PEER is a name, an id, the beginning of an ' +
    'id, or an address.',
  options: [{ flags: '--rotate', help: 'change the secret as well, which they know' }, ...NEW_SECRET_OPTIONS],
  examples: ['sudo mesh evict db1', 'sudo mesh evict db1 --rotate'],
  async run(input, { io, deps, router }) {
    const [peers, rotates] = [peerWords(input), input.flag('rotate')];
    if (!rotates && (input.text('secret') ?? input.text('secret-file')) !== undefined)
      throw new UsageError('a secret is of use with --rotate alone', 'mesh evict PEER --rotate');
    if (!rotates) return reportRefusals(await (await router()).evict(peers), 'evict', REMEDY, io);
    const secret = newSecretOption(input, io, deps);
    const client = await router();
    const results = await client.evict(peers, { rotate: true, ...(secret !== undefined && { secret }) });
    const code = reportRefusals(results, 'evict', REMEDY, io);
    if (results.every(({ refused }) => refused !== undefined)) return code;
    return (await followRotation(await client.secret(), client, false, io)) === EXIT.done ? code : EXIT.refused;
  },
};
