import { EXIT, UsageError, type Command } from '../command.js';
import { ipOption, networkOption } from '../options.js';

export const expose: Command = {
  name: 'expose',
  verb: 'expose this host',
  help: 'Give this host itself an address on the network, so that it and the containers reach each other. Prints the addresses.',
  options: [
    { flags: '--ip <cidr>', help: 'an address with its prefix length; repeat, or separate by commas', list: true },
    { flags: '--network <name>', help: 'which network (default: the default one)' },
  ],
  examples: ['sudo mesh expose --ip 10.32.0.254/12'],
  async run(input, { io, router }) {
    const [ips, network] = [ipOption(input), networkOption(input)];
    if (ips.length === 0) throw new UsageError('--ip is missing', 'mesh expose --ip 10.32.0.254/12');
    const given = await (await router()).expose(network, ips);
    if (given.length > 0) io.out(given.join('\n'));
    return EXIT.done;
  },
};
