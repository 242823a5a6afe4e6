import type { Command } from '../command.js';
import { launchConfig } from '../options.js';
import { DEFAULT_STATE_DIR } from '../paths.js';
import { SECRET_OPTIONS, secretOption } from '../secret-option.js';

export const launch: Command = {
  name: 'launch',
  verb: 'launch',
  args: '[peer...]',
  help:
    "Start this host's router and join the PEERs, each HOST or HOST:PORT. With no PEER and no saved state, found a mesh and make its secret: `mesh secret` prints the line to type on the next host. " +
    'It runs in the foreground and logs to stderr, unless --detach is given.',
  options: [
    { flags: '--name <name>', help: "what to call this host (default: the host's name)" },
    { flags: '--listen <ip>', help: 'take connections on this address only (default: on all)' },
    { flags: '--advertise <ip>', help: 'tell the others this address; repeat, or separate by commas', list: true },
    { flags: '--port <port>', help: 'first of three: control, sleeve (udp), vxlan (udp) (default: 6783)' },
    { flags: '--state-dir <path>', help: `where to keep state (MESH_STATE_DIR, else ${DEFAULT_STATE_DIR})` },
    { flags: '--range <cidr>', help: 'the range that container addresses come from' },
    { flags: '--mtu <bytes>', help: "largest packet of a container, 576 to 65000 (default: the underlay's less 124)" },
    { flags: '--overlay <kind>', help: 'what may carry data: auto, vxlan or sleeve (default: auto)' },
    {
      flags: '--trusted-subnets <cidr>',
      help: 'where VXLAN may go unsealed: none, or networks, by commas (default: private ones)',
      list: true,
    },
    { flags: '--socket-group <group>', help: 'let its members use the control socket (default: root alone)' },
    { flags: '--log-format <format>', help: 'text or json (default: text)' },
    ...SECRET_OPTIONS,
    { flags: '--open', help: 'without a secret: whoever can reach the control port can join' },
    { flags: '--detach', help: 'return once the router serves; its log goes to router.log in the state directory' },
  ],
  examples: ['sudo mesh launch', 'sudo mesh launch --detach --name web1 --secret WORD-WORD-... 10.0.0.2'],
  run(input, { io, deps }) {
    const secret = secretOption(input, io, deps);
    const config = { ...launchConfig(input, io, deps.hostname()), ...(secret !== undefined && { secret }) };
    return input.flag('detach') ? deps.launchInBackground(config, io) : deps.runRouter(config, io);
  },
};
