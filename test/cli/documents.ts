// Status documents of meshes of several sizes and shapes, for the renderers.
import type {
  ConnectionStatus,
  EdgeStatus,
  PeerStatus,
  RotationStatus,
  SecretDocument,
  SleeveCounts,
  StatusDocument,
} from '../../cli/api.js';

const NAMES = [
  'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa', 'lambda', 'mu', 'nu', 'xi', 'omicron',
  'pi', 'rho', 'sigma', 'tau', 'upsilon', 'phi', 'chi', 'psi', 'omega', 'build-7.eu-west-1.internal.example.com', 'db1', 'db2',
  'db3', 'web1', 'web2', 'web3',
]; // prettier-ignore

export const idOf = (i: number): string => `${(i + 10).toString(16).padStart(2, '0')}c6a2f09`.padEnd(32, '0');
const addressOf = (i: number): string => `10.99.0.${i + 1}:6783`;

export const peer = (i: number, change: Partial<PeerStatus> = {}): PeerStatus => ({
  id: idOf(i),
  name: NAMES[i]!,
  status: 'alive',
  sinceMs: 190_000 + i * 7_000,
  endpoints: [addressOf(i)],
  reach: 'direct',
  version: '0.1.0',
  reason: '',
  remedy: '',
  ...change,
});

export const connection = (i: number, change: Partial<ConnectionStatus> = {}): ConnectionStatus => ({
  peer: idOf(i),
  name: NAMES[i]!,
  address: addressOf(i),
  control: 'up',
  overlay: 'vxlan',
  reason: '',
  remedy: '',
  rttMs: 0.41 + i * 0.37,
  mtu: 1376,
  txBytes: 1_234_567 * i * i,
  rxBytes: 840_123 * i,
  sinceMs: 188_000,
  overlays: {
    vxlan: { txFrames: 987 * i * i, txBytes: 1_234_567 * i * i, rxFrames: 3_210 * i, rxBytes: 840_123 * i },
    sleeve: null,
    relay: null,
  },
  rekeys: 0,
  changes: 0,
  changedMs: null,
  changeReason: '',
  ...change,
});

export const edge = (a: number, b: number): EdgeStatus => ({
  from: idOf(Math.min(a, b)),
  to: idOf(Math.max(a, b)),
  overlay: 'vxlan',
  rttMs: 0.5 + Math.abs(a - b) * 0.1,
  mtu: 1376,
});

/** Peer 0 is this host. */
export function document(change: Partial<StatusDocument> = {}): StatusDocument {
  return {
    schema: 1,
    version: '0.1.0',
    self: {
      id: idOf(0),
      name: NAMES[0]!,
      incarnation: 3,
      port: 6783,
      endpoints: [addressOf(0), '[fd99::1]:6783'],
      uptimeMs: 11_520_000,
      overlay: 'auto',
      trust: 'sealed',
      stateDir: '/var/lib/mesh',
    },
    peers: [],
    connections: [],
    targets: [],
    edges: [],
    networks: [],
    endpoints: [],
    exposed: [],
    evicted: [],
    rotation: null,
    problems: [],
    counters: {},
    superFrameBounds: [1, 2, 4, 8, 16, 32, 64],
    ...change,
  };
}

const upTo = (n: number): number[] => Array.from({ length: n - 1 }, (_, i) => i + 1);
const pairs = (n: number): EdgeStatus[] =>
  [0, ...upTo(n)].flatMap((a) =>
    upTo(n)
      .filter((b) => b > a)
      .map((b) => edge(a, b)),
  );

const network = { name: 'mesh', vni: 5563, mtu: 1376, range: '10.32.0.0/12', bridge: 'mesh-15bb' };
const web = {
  id: 'web-eth1',
  network: 'mesh',
  mac: '02:6d:1c:6a:2f:09',
  ips: ['10.32.0.1/12', 'fd32::1/64'],
  allowSpoof: false,
  denied: 0,
  ifname: 'mesh0',
  target: 'web',
  state: 'attached',
  reason: '',
  remedy: '',
} as const;

/** `n` hosts, each connected with each. */
export const full = (n: number): StatusDocument =>
  document({
    peers: upTo(n).map((i) => peer(i)),
    connections: upTo(n).map((i) => connection(i)),
    edges: pairs(n),
    networks: [{ ...network, localEndpoints: 1, members: n, macs: 2 * n }],
    endpoints: [web],
    exposed: [{ network: 'mesh', ips: ['10.32.0.254/12'] }],
    macs: [0, ...upTo(n)].map((i) => ({
      network: 'mesh',
      mac: `02:6d:00:00:00:${(i + 1).toString(16).padStart(2, '0')}`,
      ips: i % 3 === 1 ? [`10.32.0.${i + 1}`] : [`10.32.0.${i + 1}`, `fd32::${i + 1}`],
      peer: idOf(i),
      name: NAMES[i]!,
      local: i === 0,
    })),
  });

/** Thirty hosts, each connected with few of the others until there is traffic. */
export function sparse(): StatusDocument {
  const all = full(30);
  const isNear = (i: number): boolean => i <= 2 || i >= 28 || i % 9 === 0;
  const peers = all.peers.map((p, i) => (isNear(i + 1) ? p : { ...p, reach: 'on demand' }));
  const quiet = { control: 'idle', txBytes: 0, rxBytes: 0 } as const;
  const connections = all.connections.map((c, i) => (isNear(i + 1) ? c : { ...c, ...quiet }));
  const edges = pairs(30).filter((e) => isNear(Math.abs(parseInt(e.to, 16) - parseInt(e.from, 16)) / 2 ** 120));
  const targets = [{ target: 'seed.example.com', state: 'on demand', reason: '', remedy: '' } as const];
  return { ...all, peers, connections, edges, targets };
}

/** Why a peer is on the sleeve, one for each; the first as the sentences are at their longest. */
export function sleeves(): StatusDocument {
  const base = full(5);
  const lost = {
    reason: 'vxlan: probes lost',
    remedy:
      'does the router on beta run, and is UDP 16785 open from 192.0.2.101 to 198.51.100.202 (beta) and UDP 6785 back?',
  };
  const narrow = {
    reason: "vxlan: path MTU 1250 is less than the network's 1376",
    remedy: 'raise the MTU between 10.99.0.1 and 10.99.0.3 to 1426, or launch with --mtu 1250',
  };
  const whys = [lost, narrow, { reason: '', remedy: '' }];
  return {
    ...base,
    connections: base.connections.map((c, i) => ({ ...c, overlay: i < 3 ? 'sleeve' : 'vxlan', ...whys[i] })),
    edges: base.edges.map((e) => (e.from === idOf(0) && e.to !== idOf(4) ? { ...e, overlay: 'sleeve' } : e)),
  };
}

/** Two that are reached through this host's neighbour, and one that nothing reaches directly any more though its control does. */
export function relayed(): StatusDocument {
  const base = full(5);
  const by = (via: string): Pick<ConnectionStatus, 'overlay' | 'reason' | 'remedy'> => ({
    overlay: 'relay',
    reason: `relayed by ${via} (vxlan and sleeve get no answer)`,
    remedy: 'open UDP 6784 and 6785 between this host and it',
  });
  const far = {
    reach: 'via beta',
    reason: 'no direct control connection, messages go via beta',
    remedy: 'open TCP 6783 to it',
  };
  return {
    ...base,
    peers: base.peers.map((p, i) => (i === 1 || i === 2 ? { ...p, ...far } : p)),
    connections: base.connections.map((c, i) => {
      if (i === 0) return c;
      if (i === 3) return { ...c, ...by('beta') };
      return { ...c, ...by(i === 1 ? 'beta' : 'beta and 1 more'), control: 'down' };
    }),
    edges: [edge(0, 1), edge(1, 2), edge(2, 3), { ...edge(0, 4), overlay: 'relay' }, edge(1, 4)],
  };
}

const SIZES = { tx: [10_412, 230, 31, 4, 0, 6, 81_234_567, 2], rx: [1_998, 20, 3, 4, 5, 6, 7, 0] };
const COUNTS: SleeveCounts = {
  ...{ txFrames: 81_245_252, txBytes: 3.7e12, txDatagrams: 3_899_270_031 },
  ...{ rxFrames: 2_043, rxBytes: 1_640_321, rxDatagrams: 2_901, txSplit: 12 },
  superFrames: SIZES,
  drops: { 'socket-buffer': 48, replay: 3, tag: 1, 'message-kind': 1, 'tap-full': 20 },
};

/** Counters of every kind: a peer on the vxlan, one on the sleeve that was on the vxlan, one that was on all, and one on nothing. */
export function counted(): StatusDocument {
  const base = sleeves();
  const vxlan = { txFrames: 8_765, txBytes: 12_345_678, rxFrames: 3_210, rxBytes: 840_123 };
  const few = { ...COUNTS, txFrames: 0, rxFrames: 0, superFrames: { tx: [], rx: [] }, drops: {} };
  const overlays = [
    { vxlan, sleeve: COUNTS, relay: null },
    { vxlan: null, sleeve: COUNTS, relay: { ...COUNTS, txFrames: 7, drops: { 'no-session': 2 } } },
    { vxlan, sleeve: few, relay: null },
    { vxlan: null, sleeve: null, relay: null },
  ];
  const changes = [
    { changes: 1, changedMs: 12_345, changeReason: 'lost', rekeys: 1 },
    { changes: 12, changedMs: 99_992_345, changeReason: 'refused', rekeys: 30 },
    { changes: 2, changedMs: 820, changeReason: 'better' },
    { overlay: 'none' as const, reason: 'sleeve: probes lost', remedy: 'open UDP 6784 between the two hosts' },
  ];
  return {
    ...base,
    connections: base.connections.map((c, i) => ({ ...c, overlays: overlays[i]!, ...changes[i] })),
    counters: { 'datapath.sleeve-tx-scattered': 81_234_567, 'datapath.overlay-lost': 1, records: 12, 'bad-frame': 0 },
  };
}

/** This host in the middle of `n - 1` others that cannot reach each other. */
export const hub = (n: number): StatusDocument => ({ ...full(n), edges: upTo(n).map((i) => edge(0, i)) });

const UDP = 'no way for frames: probes lost (is UDP 6785 open both ways between alpha and it?)';

/** This host at the end of a line: each knows its neighbours only. */
export const line = (n: number): StatusDocument => ({
  ...full(n),
  peers: upTo(n).map((i) => peer(i, { reach: i === 1 ? 'direct' : 'via beta' })),
  connections: upTo(n).map((i) =>
    connection(
      i,
      i === 1
        ? {}
        : i === 2
          ? { control: 'down' }
          : {
              control: 'down',
              overlay: 'none',
              reason: UDP,
              remedy: 'open UDP 6785 between the two hosts',
              rttMs: null,
              mtu: null,
              txBytes: null,
              rxBytes: null,
            },
    ),
  ),
  edges: upTo(n).map((i) => edge(i - 1, i)),
});

/** Six hosts with all that can be wrong with them. */
export function trouble(): StatusDocument {
  const silent = { reason: 'no answer to probes, direct or through others', remedy: 'mesh forget epsilon' };
  const base = full(4);
  return {
    ...base,
    peers: [
      peer(1),
      peer(2, { status: 'suspect', sinceMs: 2100, reason: 'no answer to the last 2 probes' }),
      peer(3),
      peer(4, { status: 'faulty', sinceMs: 192_000, reach: 'none', ...silent }),
      peer(5, {
        status: 'stopped',
        sinceMs: 75_000,
        reach: 'none',
        version: '0.2.0',
        reason: 'its router was stopped',
        remedy: 'run mesh launch on zeta',
      }),
      peer(6, {
        reach: 'none',
        name: 'al\u001b[31mpha',
        reason: 'no path in the graph',
        remedy: 'mesh connect 10.99.0.7',
      }),
      peer(7, { name: 'beta', reach: 'via gamma' }),
    ],
    connections: [
      connection(1),
      connection(2),
      connection(3, {
        overlay: 'none',
        reason: 'vxlan: probes lost (is UDP 6785 open from alpha to delta and from delta to alpha?)',
        remedy: 'open UDP 6785 between 10.99.0.1 and 10.99.0.4',
        rttMs: null,
        mtu: null,
        sinceMs: 12_000,
      }),
      connection(4, { control: 'down', sinceMs: 192_000 }),
    ],
    edges: [edge(0, 1), edge(0, 2), edge(1, 2), edge(2, 7)],
    targets: [
      {
        target: '10.99.0.77:6783',
        state: 'refused',
        reason: 'it answers, but it is not a mesh router',
        remedy: 'mesh forget 10.99.0.77:6783',
      },
      { target: 'beta', state: 'connected', reason: '', remedy: '' },
    ],
    endpoints: [
      web,
      {
        ...web,
        id: 'x',
        target: 'a-rather-long-container-name-of-compose-1',
        state: 'conflict',
        reason: 'its address 10.32.0.9 is also claimed by gamma, which has it',
        remedy: 'mesh detach a-rather-long-container-name-of-compose-1',
      },
    ],
    problems: [
      { what: 'kernel', reason: 'nft is not there, traffic is not counted', remedy: 'apt-get install nftables' },
    ],
  };
}

/** Of three routers this one alone has the new secret. */
export const rotation = (change: Partial<RotationStatus> = {}): RotationStatus => ({
  ...{ key: '0a1b2c3d', number: 1, by: 'a', isOver: false, routers: 3, oldEndsMs: 599_000 },
  without: [1, 2].map((n) => ({ id: idOf(n), name: NAMES[n]!, why: 'it has not said so yet' })),
  ...change,
});

export const rotating = (change: Partial<SecretDocument> = {}): SecretDocument => ({
  ...{ secret: 'new-zoo-8', founded: false, peer: '10.0.0.1', rotation: rotation() },
  ...change,
});
