import type { Command } from '../command.js';
import { peerWords } from '../options.js';
import { reportRefusals } from './connect.js';

export const evict: Command = {
  name: 'evict',
  verb: 'evict',
  args: '<peer...>',
  help:
    'Put PEERs out of the mesh for good, alive or not: every host drops them at once, purges what they announced, and refuses ' +
    'their keys. Nothing takes it back; on such a host `mesh reset` makes a new key. A PEER is a name, an id, the beginning of ' +
    'an id, or an address.',
  options: [],
  examples: ['sudo mesh evict db1'],
  async run(input, { io, router }) {
    return reportRefusals(await (await router()).evict(peerWords(input)), 'evict', 'mesh status peers', io);
  },
};
