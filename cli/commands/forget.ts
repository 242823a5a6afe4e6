import type { Command } from '../command.js';
import { peerWords } from '../options.js';
import { reportRefusals } from './connect.js';

export const forget: Command = {
  name: 'forget',
  verb: 'forget',
  args: '<peer...>',
  help:
    'Stop dialling PEERs, and purge what is known of those that are faulty, stopped or gone. A PEER is a name, an id, ' +
    'the beginning of an id, or an address. One that is alive is not purged.',
  options: [],
  examples: ['sudo mesh forget db1'],
  async run(input, { io, router }) {
    return reportRefusals(await (await router()).forget(peerWords(input)), 'forget', 'mesh status peers', io);
  },
};
