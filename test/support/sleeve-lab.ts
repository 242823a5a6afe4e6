// Hosts with a sleeve and no router: bridge, TAP and containers made by hand, keys given.
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';
import type { Cipher, SleeveCounters, SleeveEvent } from '../../datapath/sleeve/sleeve.js';
import type { PeerCounter } from '../../datapath/sleeve/worker/peer-counters.js';
import type { Ip, PeerId } from '../../router/types.js';
import type { Namespace } from '../../cli/demo/namespace.js';
import { eventually, type Host, type Lab } from './netns.js';
import type { CreateOptions, SessionText, SleeveCommand, SleeveReply } from './sleeve-process.js';

const SCRIPT = fileURLToPath(new URL('./sleeve-process.js', import.meta.url));
export const SLEEVE_PORT = 6784;
export const SLEEVE_VNI = 100;
export const NETWORK_MTU = 1_376;
const TAP = 'ms-x';

export type CountersText = Omit<SleeveCounters, 'peers'> & {
  readonly peers: Readonly<Record<string, Record<PeerCounter, number>>>;
};

/** A host, its sleeve's process, and its container. */
export class SleeveHost {
  readonly host: Host;
  readonly id: PeerId;
  readonly container: Namespace;
  readonly mac: string;
  readonly v4: string;
  readonly v6: string;
  readonly events: SleeveEvent[] = [];
  readonly #n: number;
  readonly #nodeFlags: readonly string[];
  #process!: ChildProcess;
  readonly #waiting = new Map<number, (reply: SleeveReply) => void>();
  #next = 0;

  /** @param n 1 .. 9: the container is 10.40.0.n and fd40::n. */
  constructor(lab: Lab, name: string, n: number, mtu = NETWORK_MTU, nodeFlags: readonly string[] = []) {
    this.#n = n;
    this.host = lab.host(name);
    this.id = Buffer.from(name.padEnd(16, '.')).toString('hex') as PeerId;
    this.container = lab.container(`s${name}`);
    this.mac = `02:00:00:00:00:0${n}`;
    this.v4 = `10.40.0.${n}`;
    this.v6 = `fd40::${n}`;
    this.#makeBridge(mtu);
    this.#nodeFlags = nodeFlags;
    this.launch();
  }

  /** Starts the process, after `kill` another one. */
  launch(): void {
    const argv = [process.execPath, ...this.#nodeFlags, SCRIPT];
    this.#process = this.host.netns.start(argv, ['ignore', 'inherit', 'inherit', 'ipc']);
    this.#process.on('message', (m: SleeveReply | { event: SleeveEvent }) => {
      if ('event' in m) this.events.push(m.event);
      else this.#waiting.get(m.id)?.(m);
    });
  }

  do(method: SleeveCommand['method'], ...args: readonly unknown[]): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (r) => (r.error === undefined ? resolve(r.value) : reject(new Error(r.error))));
      this.#process.send({ id, command: { method, args } });
    });
  }

  async start(options: Partial<CreateOptions> = {}): Promise<void> {
    const listen = { v4: '0.0.0.0' as Ip, v6: '::' as Ip };
    await this.do('create', { port: SLEEVE_PORT, listen, ...options });
    await this.addNetwork();
  }

  /** Has the sleeve make or adopt its TAP, and puts it into the bridge. */
  async addNetwork(): Promise<void> {
    await this.do('setNetwork', SLEEVE_VNI, TAP);
    this.host.netns.ip(`link set ${TAP} mtu ${this.#mtu} addrgenmode none master mb-x up`, 'link set mb-x up');
  }
  #mtu = NETWORK_MTU;

  async counters(): Promise<CountersText> {
    return (await this.do('counters')) as CountersText;
  }

  /** Ends the process, as a crash would. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #makeBridge(mtu: number): void {
    this.#mtu = mtu;
    this.host.netns.ip(
      `link add mb-x address 02:aa:00:00:00:0${this.#n} mtu ${mtu} type bridge mcast_snooping 0`,
      'link set mb-x addrgenmode none up',
      `link add vs-x mtu ${mtu} type veth peer name eth0 address ${this.mac} netns ${this.container.name}`,
      `link set vs-x addrgenmode none master mb-x up`,
    );
    this.container.ip(
      `link set eth0 mtu ${mtu} up`,
      `addr add ${this.v4}/24 dev eth0`,
      `addr add ${this.v6}/64 dev eth0 nodad`,
    );
  }
}

export interface PairOptions {
  readonly cipher?: Cipher;
  readonly underlay?: 'v4' | 'v6';
  readonly mtu?: number;
  readonly pathMtu?: number;
  readonly create?: Partial<CreateOptions>;
  readonly names?: readonly [string, string];
  readonly nodeFlags?: readonly string[];
}

/** Two hosts that have each other's keys and addresses. They end with the lab. */
export async function sleevePair(lab: Lab, options: PairOptions = {}): Promise<[SleeveHost, SleeveHost]> {
  const [one, two] = options.names ?? ['a', 'b'];
  const hosts: [SleeveHost, SleeveHost] = [
    new SleeveHost(lab, one, 1, options.mtu, options.nodeFlags),
    new SleeveHost(lab, two, 2, options.mtu, options.nodeFlags),
  ];
  for (const h of hosts) await h.start(options.create);
  await acquaint(hosts, 1, options);
  return hosts;
}

/** The key of a direction, of the n-th session. */
const key = (n: number, direction: number): string => Buffer.alloc(32, n * 2 + direction).toString('hex');

/** Gives both the `n`-th session, addresses and MACs of one another. The first does not use it before it hears the second. */
export async function acquaint(
  pair: readonly [SleeveHost, SleeveHost],
  n: number,
  options: PairOptions = {},
): Promise<void> {
  await shareKeys(pair, n, options);
  for (const [here, there] of [pair, [pair[1], pair[0]] as const]) {
    await here.do('setMac', SLEEVE_VNI, there.mac, there.id);
    await here.do('setFlood', SLEEVE_VNI, [there.id]);
  }
}

/** A session between two that need not have anything to say to each other: neighbours on a way. */
export async function shareKeys(
  [a, b]: readonly [SleeveHost, SleeveHost],
  n: number,
  options: PairOptions = {},
): Promise<void> {
  for (const [here, there, side] of [
    [a, b, 0],
    [b, a, 1],
  ] as const) {
    const session = sessionText(n, side, there.host, options);
    await here.do('setSession', there.id, { ...session, waits: n > 1 && side === 0 });
    await here.do('setPathMtu', there.id, 'direct', options.pathMtu ?? 1_500);
  }
}

export function sessionText(n: number, side: 0 | 1, there: Host, options: PairOptions = {}): SessionText {
  return {
    cipher: options.cipher ?? 'aes-256-gcm',
    sendKey: key(n, side),
    receiveKey: key(n, 1 - side),
    sendIndex: n * 2 + (1 - side),
    receiveIndex: n * 2 + side,
    remote: { ip: there[options.underlay ?? 'v4'] as Ip, port: SLEEVE_PORT },
  };
}

/** Waits until a ping passes. */
export const reaches = (from: SleeveHost, address: string): Promise<true> =>
  eventually(`${address} answers`, 10_000, async () =>
    (await from.container.run('ping', '-n', '-c', '1', '-W', '1', address)).code === 0 ? true : undefined,
  );

interface IperfEnd {
  readonly sum?: {
    readonly packets: number;
    readonly lost_packets: number;
    readonly bytes: number;
    readonly seconds: number;
  };
  readonly sum_received?: { readonly bits_per_second: number };
  readonly sum_sent?: { readonly retransmits?: number };
}

/** iperf3 from one container to the other. @returns what the receiver counted, bit/s, and the sender's retransmissions */
export async function iperf(
  from: SleeveHost,
  to: SleeveHost,
  address: string,
  ...args: readonly string[]
): Promise<{ rate: number; retransmits: number }> {
  const server = to.container.start(['iperf3', '--server', '--one-off'], 'ignore');
  try {
    const text = await eventually('iperf3 runs', 10_000, async () => {
      const { code, stdout } = await from.container.run(
        'iperf3',
        '--json',
        '--client',
        address,
        '--time',
        '2',
        ...args,
      );
      // A server that is busy ending is refused with exit 0.
      return code === 0 && stdout.includes('"sum') ? stdout : undefined;
    });
    const { end } = JSON.parse(text) as { end: IperfEnd };
    const { sum, sum_received: received, sum_sent: sent } = end;
    if (sum?.packets === undefined) return { rate: received!.bits_per_second, retransmits: sent!.retransmits ?? 0 };
    const delivered = (sum.packets - sum.lost_packets) / sum.packets;
    return { rate: (sum.bytes * 8 * delivered) / sum.seconds, retransmits: 0 };
  } finally {
    server.kill('SIGKILL');
  }
}

/** Kills the processes when the test file ends. */
export const endAfter = (hosts: readonly SleeveHost[]): void => after(() => hosts.forEach((h) => h.kill()));
