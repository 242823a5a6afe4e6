import { EXIT, Failure, type Command } from '../command.js';

export const reset: Command = {
  name: 'reset',
  verb: 'reset',
  help:
    'Leave the mesh and remove every trace from this host: interfaces, addresses, rules, saved state. Containers that are ' +
    'attached lose their network; while there are any, --force is needed.',
  options: [{ flags: '--force', help: 'also while endpoints are attached or no peer can be told' }],
  examples: ['sudo mesh reset', 'sudo mesh reset --force'],
  async run(input, { router }) {
    const client = await router();
    await client.reset(input.flag('force'));
    if (!(await client.gone())) throw new Failure(EXIT.refused, 'the router said yes but still answers', 'mesh status');
    return EXIT.done;
  },
};
