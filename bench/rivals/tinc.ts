// tinc 1.0 as a switch, with its own default cipher.
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviceOf, startAt, type End, type Rival } from './rival.js';

const PORT = 655;

export const tinc: Rival = {
  name: 'tinc',
  needs: ['tincd'],
  cipher: 'AES-256-CBC, SHA-256',
  port: PORT,
  async start(ends) {
    const keys = ends.map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
    ends.forEach((end, i) => {
      writeFileSync(join(end.dir, 'tinc.conf'), config(end));
      const own = keys[i]!.privateKey.export({ type: 'pkcs1', format: 'pem' }); // the PEM of old is all that it reads
      writeFileSync(join(end.dir, 'rsa_key.priv'), own, { mode: 0o600 });
      mkdirSync(join(end.dir, 'hosts'));
      ends.forEach(({ side, host }, n) => {
        const publicKey = keys[n]!.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
        writeFileSync(join(end.dir, 'hosts', side), `Address = ${host.v4}\nPort = ${PORT}\n${publicKey}`);
      });
    });
    const answers = startOne(ends[0]);
    await deviceOf(ends[0]); // the other one would try again after 5 s
    return [answers, startOne(ends[1])];
  },
};

const startOne = (end: End) =>
  startAt(end, ['tincd', '--config', end.dir, '--no-detach', `--pidfile=${join(end.dir, 'pid')}`]);

const config = ({ side, device }: End): string =>
  [
    `Name = ${side}`,
    'Mode = switch',
    'DeviceType = tap',
    `Interface = ${device}`,
    'AddressFamily = ipv4',
    ...(side === 'a' ? [] : ['ConnectTo = a']),
    '',
  ].join('\n');
