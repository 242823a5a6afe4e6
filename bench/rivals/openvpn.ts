// OpenVPN 2.6 between two peers over UDP, Ethernet inside, TLS by the fingerprints of certificates.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { must } from '../../cli/demo/namespace.js';
import { startAt, type End, type Rival } from './rival.js';

const PORT = 1_194;
const CIPHER = 'AES-256-GCM';
const BUFFER_BYTES = `${1 << 20}`;

export const openvpn: Rival = {
  name: 'openvpn',
  needs: ['openvpn', 'openssl'],
  cipher: CIPHER,
  port: PORT,
  async start([a, b]) {
    const fingerprints = [await certify(a), await certify(b)] as const;
    return [startOne(a, '--tls-server', fingerprints[1]), startOne(b, '--tls-client', fingerprints[0])];
  },
};

/** @returns the fingerprint of the certificate that it makes */
async function certify({ side, dir }: End): Promise<string> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', join(dir, 'key'), '-out', join(dir, 'crt')];
  await must(['openssl', 'req', '-x509', ...curve, ...files, '-subj', `/CN=${side}`, '-days', '3']);
  const said = await must(['openssl', 'x509', '-in', join(dir, 'crt'), '-fingerprint', '-sha256', '-noout']);
  return said.trim().split('=')[1]!;
}

function startOne(end: End, role: string, fingerprint: string): ChildProcess {
  const { device, other, dir } = end;
  const link = ['--dev', device, '--dev-type', 'tap', '--proto', 'udp', '--remote', other.v4, `${PORT}`];
  const tls = [role, '--cert', join(dir, 'crt'), '--key', join(dir, 'key'), '--peer-fingerprint', fingerprint];
  const sealing = ['--dh', 'none', '--data-ciphers', CIPHER, '--cipher', CIPHER, '--auth', 'none'];
  // Room for a burst, as for all others; no kernel module, which no user space could be compared with.
  const buffers = ['--sndbuf', BUFFER_BYTES, '--rcvbuf', BUFFER_BYTES, '--disable-dco'];
  return startAt(end, ['openvpn', ...link, ...tls, ...sealing, ...buffers]);
}
