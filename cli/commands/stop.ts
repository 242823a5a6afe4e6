import { EXIT, Failure, type Command } from '../command.js';

export const stop: Command = {
  name: 'stop',
  verb: 'stop',
  help:
    "Stop this host's router. The kernel goes on forwarding, so containers stay connected; the others are told that it " +
    'stopped, not that it left. `mesh launch` takes over where it ended.',
  options: [],
  examples: ['sudo mesh stop'],
  async run(_input, { router }) {
    const client = await router();
    await client.stop();
    if (!(await client.gone())) throw new Failure(EXIT.refused, 'the router said yes but still answers', 'mesh status');
    return EXIT.done;
  },
};
