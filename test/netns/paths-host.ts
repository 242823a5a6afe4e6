// One host's path probing as a process of its own, for paths.test.ts: AF_PACKET sockets and nft live in the namespace of the
// process. Commands come, and reports go, over Node's own channel.
import { createPaths } from '../../datapath/paths/create-paths.js';
import { LinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import type { DatapathConfig } from '../../datapath/datapath.js';
import type { Paths } from '../../datapath/paths/paths.js';

/** `restart` makes a second `Paths` as the next router would; the others are the methods of that name. */
export type Command =
  | { readonly kind: 'init'; readonly config: Pick<DatapathConfig, 'self' | 'vxlanPort' | 'local'> }
  | { readonly kind: 'restart' | 'stop' | 'reset' | 'state' }
  | { readonly kind: 'setPeer'; readonly args: Parameters<Paths['setPeer']> }
  | { readonly kind: 'setBridges'; readonly args: Parameters<Paths['setBridges']> }
  | { readonly kind: 'setCeiling'; readonly args: Parameters<Paths['setCeiling']> }
  | { readonly kind: 'announce'; readonly args: Parameters<Paths['announce']> };

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

let config: DatapathConfig | undefined;
let paths: Paths | undefined;

async function obey(command: Command): Promise<unknown> {
  switch (command.kind) {
    case 'init':
      config = {
        ...command.config,
        overlay: 'vxlan',
        onReport: (report) => process.send!({ report, at: Date.now() }),
        log: (event, fields) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
      };
      paths = createPaths(config, new LinuxKernel());
      return paths.start(true);
    case 'restart':
      paths = createPaths(config!, new LinuxKernel());
      return paths.start(true);
    case 'stop':
      return paths!.stop();
    case 'reset':
      return paths!.reset();
    case 'state':
      return {
        paths: paths!.paths(),
        capabilities: paths!.capabilities(),
        counters: paths!.counters(),
        cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
      };
    case 'setPeer':
      return paths!.setPeer(command.args[0], command.args[1]);
    case 'setCeiling':
      return paths!.setCeiling(...command.args);
    case 'setBridges':
      return paths!.setBridges(...command.args);
    case 'announce':
      return paths!.announce(...command.args);
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, command }: { id: number; command: Command }) => {
  obey(command).then(
    (value) => process.send!({ id, value } satisfies Reply),
    (error: unknown) => process.send!({ id, error: error instanceof Error ? error.stack : String(error) }),
  );
});
