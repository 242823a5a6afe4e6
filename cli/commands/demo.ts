import type { Command } from '../command.js';

export const demo: Command = {
  name: 'demo',
  verb: 'run the demo',
  help:
    'Make three hosts on this machine as network namespaces, join them, attach a container to each, and show that all ' +
    'reach all. Needs no root, touches nothing outside, and takes everything down again.',
  options: [{ flags: '--keep', help: 'leave a shell in it before it is taken down' }],
  examples: ['mesh demo', 'mesh demo --keep'],
  run: (input, { io, deps }) => deps.runDemo({ keep: input.flag('keep') }, io),
};
