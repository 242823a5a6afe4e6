import { EXIT, type Command } from '../command.js';
import { joinLine } from '../secret-option.js';

export const secret: Command = {
  name: 'secret',
  verb: 'tell the secret',
  help:
    "Print the line to type on the next host: it has this mesh's secret in it, and the address of this host. " +
    'Whoever has the secret can join, read and write everything in the mesh.',
  options: [{ flags: '--bare', help: 'the secret alone' }],
  examples: ['sudo mesh secret', 'sudo mesh secret --bare | ssh web2 sudo mesh launch --detach --secret - 10.0.0.1'],
  async run(input, { io, router }) {
    const { secret: text, peer } = await (await router()).secret();
    if (text === null) {
      io.err('mesh: this mesh is open: it has no secret, whoever can reach the control port can join');
      io.out(`sudo mesh launch --detach --open ${peer}`);
      return EXIT.done;
    }
    io.out(input.flag('bare') ? text : joinLine(text, peer));
    return EXIT.done;
  },
};
