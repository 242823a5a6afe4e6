import { EXIT, type Command } from '../command.js';
import { ifnameOption, networkOption } from '../options.js';
import { targetArgument } from './attach.js';

export const detach: Command = {
  name: 'detach',
  verb: 'detach',
  args: '<target>',
  help:
    'Take away the interfaces that attach gave to TARGET: all of them, or those that the options name. TARGET may also ' +
    'be the id of an endpoint.',
  options: [
    { flags: '--network <name>', help: 'only those on this network' },
    { flags: '--ifname <name>', help: 'only the one with this name inside' },
  ],
  examples: ['sudo mesh detach web'],
  async run(input, { router }) {
    const [target, network, ifname] = [targetArgument(input), networkOption(input), ifnameOption(input)];
    const client = await router();
    await client.detach({ target, ...(network !== undefined && { network }), ...(ifname !== undefined && { ifname }) });
    return EXIT.done;
  },
};
