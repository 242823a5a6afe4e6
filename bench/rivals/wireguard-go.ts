// wireguard-go, told what to do through its own socket: https://www.wireguard.com/xplatform/
import { generateKeyPairSync } from 'node:crypto';
import { createConnection } from 'node:net';
import { eventually } from '../../test/support/netns.js';
import { deviceOf, startAt, type End, type Rival } from './rival.js';

const PORT = 51_820;

interface Keys {
  /** Hex, as the socket wants them. */
  readonly own: string;
  readonly public: string;
}

export const wireguardGo: Rival = {
  name: 'wireguard-go',
  needs: ['wireguard-go'],
  cipher: 'ChaCha20-Poly1305',
  port: PORT,
  async start([a, b]) {
    const keys = [newKeys(), newKeys()] as const;
    const processes = [startOne(a), startOne(b)] as const;
    await configure(a, keys[0], keys[1]);
    await configure(b, keys[1], keys[0]);
    return processes;
  },
};

const startOne = (end: End) =>
  startAt(end, ['wireguard-go', '-f', end.device], { ...process.env, WG_PROCESS_FOREGROUND: '1' });

function newKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const hex = (der: Buffer): string => der.subarray(-32).toString('hex'); // RFC 8410: the key ends both forms
  return {
    own: hex(privateKey.export({ type: 'pkcs8', format: 'der' })),
    public: hex(publicKey.export({ type: 'spki', format: 'der' })),
  };
}

async function configure(end: End, own: Keys, other: Keys): Promise<void> {
  await deviceOf(end);
  const lines = [
    'set=1',
    `private_key=${own.own}`,
    `listen_port=${PORT}`,
    `public_key=${other.public}`,
    `endpoint=${end.other.v4}:${PORT}`,
    `allowed_ip=${end.otherAddress}/32`,
  ];
  await eventually(`${end.device} takes its configuration`, 5_000, async () =>
    /errno=0/.test(await say(`/run/wireguard/${end.device}.sock`, `${lines.join('\n')}\n\n`)) ? true : undefined,
  );
}

/** @returns the whole answer. @throws Error ENOENT, ECONNREFUSED */
function say(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(socket, () => connection.write(text));
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.endsWith('\n\n')) connection.end();
    });
    connection.on('close', () => resolve(answer)).on('error', reject);
  });
}
