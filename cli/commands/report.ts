import { EXIT, type Command } from '../command.js';

export const report: Command = {
  name: 'report',
  verb: 'report',
  help: 'Print everything the router knows as one JSON object: the status, every MAC, all counters.',
  options: [],
  examples: ['mesh report > mesh.json'],
  async run(_input, { io, router }) {
    io.out(JSON.stringify(await (await router()).report(), undefined, 2));
    return EXIT.done;
  },
};
