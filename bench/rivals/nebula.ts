// Nebula with a lighthouse on one of the two hosts.
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../cli/demo/namespace.js';
import { startAt, type End, type Rival } from './rival.js';

const PORT = 4_242;
const MTU = 1_420;
const BUFFER_BYTES = 10 << 20;

export const nebula: Rival = {
  name: 'nebula',
  needs: ['nebula', 'nebula-cert'],
  cipher: 'AES-256-GCM',
  port: PORT,
  hasOwnAddress: true,
  async start([a, b]) {
    const ca = ['-ca-crt', join(a.dir, 'ca.crt'), '-ca-key', join(a.dir, 'ca.key')];
    await must(['nebula-cert', 'ca', '-name', 'bench', '-out-crt', ca[1]!, '-out-key', ca[3]!]);
    for (const { side, address, dir } of [a, b]) {
      const out = ['-out-crt', join(dir, 'crt'), '-out-key', join(dir, 'key')];
      await must(['nebula-cert', 'sign', ...ca, '-name', side, '-ip', `${address}/24`, ...out]);
    }
    return [startOne(a, ca[1]!, a), startOne(b, ca[1]!, a)];
  },
};

function startOne(end: End, ca: string, lighthouse: End): ChildProcess {
  const isLighthouse = end === lighthouse;
  const all = '[{ port: any, proto: any, host: any }]';
  const lines = [
    `pki: { ca: ${ca}, cert: ${join(end.dir, 'crt')}, key: ${join(end.dir, 'key')} }`,
    `static_host_map: { "${lighthouse.address}": ["${lighthouse.host.v4}:${PORT}"] }`,
    `lighthouse: { am_lighthouse: ${isLighthouse}, hosts: [${isLighthouse ? '' : `"${lighthouse.address}"`}] }`,
    `listen: { host: ${end.host.v4}, port: ${PORT}, batch: 64, read_buffer: ${BUFFER_BYTES}, write_buffer: ${BUFFER_BYTES} }`,
    'cipher: aes',
    `tun: { dev: ${end.device}, mtu: ${MTU}, tx_queue: 1000 }`,
    `firewall: { outbound: ${all}, inbound: ${all} }`,
    'logging: { level: warning, format: text }',
  ];
  const file = join(end.dir, 'nebula.yml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return startAt(end, ['nebula', '-config', file]);
}
