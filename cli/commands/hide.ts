import { EXIT, type Command } from '../command.js';
import { ipOption, networkOption } from '../options.js';

export const hide: Command = {
  name: 'hide',
  verb: 'hide this host',
  help: 'Take from this host the addresses that expose gave it: all of them, or those named.',
  options: [
    { flags: '--ip <cidr>', help: 'only this address; repeat, or separate by commas', list: true },
    { flags: '--network <name>', help: 'which network (default: the default one)' },
  ],
  examples: ['sudo mesh hide'],
  async run(input, { router }) {
    const [ips, network] = [ipOption(input), networkOption(input)];
    await (await router()).hide(network, ips);
    return EXIT.done;
  },
};
