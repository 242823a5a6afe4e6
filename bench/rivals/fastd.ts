// fastd with a TAP and the method that its documentation recommends.
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../cli/demo/namespace.js';
import { deviceOf, startAt, type End, type Rival } from './rival.js';

const PORT = 10_000;
const METHOD = 'salsa2012+umac';
/** What fits 1500 bytes over IPv4: 20 + 8 + fastd's 24 + 14 of the Ethernet inside, and 8 to spare for PPPoE. */
const MTU = 1_426;

export const fastd: Rival = {
  name: 'fastd',
  needs: ['fastd'],
  cipher: METHOD,
  port: PORT,
  async start([a, b]) {
    const secrets = [await newSecret(), await newSecret()] as const;
    const keys = [await publicKey(a, secrets[0]), await publicKey(b, secrets[1])] as const;
    // The one that begins must not do so before the other listens: it would try again after 20 s.
    const answers = startOne(a, secrets[0], `key "${keys[1]}";`);
    await deviceOf(a);
    return [answers, startOne(b, secrets[1], `key "${keys[0]}"; remote ${a.host.v4}:${PORT};`)];
  },
};

const newSecret = async (): Promise<string> => (await must(['fastd', '--generate-key', '--machine-readable'])).trim();

async function publicKey({ dir }: End, secret: string): Promise<string> {
  const file = join(dir, 'secret');
  writeFileSync(file, `secret "${secret}";\n`, { mode: 0o600 });
  return (await must(['fastd', '--show-key', '--machine-readable', '--config', file])).trim();
}

function startOne(end: End, secret: string, other: string): ChildProcess {
  const { device, host, dir } = end;
  const lines = [
    'mode tap;',
    `interface "${device}";`,
    `method "${METHOD}";`,
    `mtu ${MTU};`,
    `bind ${host.v4}:${PORT};`,
    'log level warn;',
    `secret "${secret}";`,
    `peer "other" { ${other} }`,
  ];
  const file = join(dir, 'fastd.conf');
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return startAt(end, ['fastd', '--config', file]);
}
