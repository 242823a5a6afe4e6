import { resolve } from 'node:path';
import type { Attached, RouterClient } from '../client.js';
import { EXIT, UsageError, type Command, type Input } from '../command.js';
import { idOption, ifnameOption, ipOption, macOption, networkOption } from '../options.js';

export const attach: Command = {
  name: 'attach',
  verb: 'attach',
  args: '<target>',
  help:
    'Give TARGET an interface on the network, and print its addresses, one a line. TARGET is the name of a network ' +
    'namespace, a path to one, a process id, or the id or name of a container.',
  options: [
    { flags: '--ip <cidr>', help: 'an address with its prefix length; repeat, or separate by commas', list: true },
    { flags: '--network <name>', help: 'which network (default: the default one)' },
    { flags: '--ifname <name>', help: 'what the interface is called inside' },
    { flags: '--mac <mac>', help: 'its Ethernet address (default: made from the id)' },
    { flags: '--allow-spoof', help: 'let it send from any MAC and address, as a router and virtual machines do' },
    { flags: '--id <id>', help: 'name the endpoint; attaching the same id again changes nothing' },
  ],
  examples: [
    'sudo mesh attach web --ip 10.32.0.1/12',
    'sudo mesh attach /proc/4711/ns/net --ip 10.32.0.2/12 --ip fd32::2/64',
  ],
  async run(input, { io, router }) {
    const request = { target: targetArgument(input), ...attachOptions(input) };
    const id = idOption(input);
    const client = await router();
    const { endpoint, warnings } =
      id === undefined ? await client.attach(request) : await attachById(client, id, request);
    for (const warning of warnings) io.err(`mesh: warning: ${warning}`);
    if (endpoint.ips.length > 0) io.out(endpoint.ips.join('\n'));
    return EXIT.done;
  },
};

/** A path is made absolute, as the router has another working directory; a name stays a name. */
export function targetArgument(input: Input): string {
  const target = input.args[0]!;
  if (target === '' || /[\s\p{Cc}]/u.test(target)) {
    throw new UsageError(`target "${target}" is malformed, it is a namespace, a path, a process id or a container`);
  }
  return target.includes('/') || target === '.' || target === '..' ? resolve(target) : target;
}

type Options = { network?: string; mac?: string; ips?: readonly string[]; ifname?: string; allowSpoof?: boolean };

function attachOptions(input: Input): Options {
  const [ips, network, ifname, mac] = [ipOption(input), networkOption(input), ifnameOption(input), macOption(input)];
  return {
    ...(ips.length > 0 && { ips }),
    ...(network !== undefined && { network }),
    ...(ifname !== undefined && { ifname }),
    ...(mac !== undefined && { mac }),
    ...(input.flag('allow-spoof') && { allowSpoof: true }),
  };
}

/** Create, then join: both idempotent by id, as plugins do it. What was created goes again when the join fails. */
async function attachById(client: RouterClient, id: string, request: Options & { target: string }): Promise<Attached> {
  const { target, ifname, ...spec } = request;
  const { created, warnings } = await client.endpointPut(id, spec);
  try {
    return { endpoint: await client.endpointJoin(id, target, ifname), warnings };
  } catch (error) {
    if (created) await client.endpointDelete(id).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}
