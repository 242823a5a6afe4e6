// The files of the state directory that the daemon itself reads and writes.
import { parseCidr, parseEndpointId, parseIp, parseMac, parseNetworkName, parsePeerId } from '../../router/address.js';
import { bytesFile, jsonFile, type Remotes } from '../../router/index.js';
import type { PeerId } from '../../router/types.js';
import type { StoredEndpoint } from './endpoints/endpoint.js';
import type { StoredExposure } from './endpoints/exposures.js';

export interface EndpointsOnDisk {
  readonly endpoints: readonly StoredEndpoint[];
  readonly exposed: readonly StoredExposure[];
}

export interface TargetsOnDisk {
  /** As the operator typed them. */
  readonly targets: readonly string[];
  readonly remotes: ReadonlyMap<PeerId, Remotes>;
}

export const cacheFile = bytesFile('cache.bin', 1);

export const endpointsFile = jsonFile<EndpointsOnDisk>(
  'endpoints.json',
  1,
  ({ endpoints, exposed }) => ({ endpoints: endpoints.map(endpointFields), exposed }),
  (body) => {
    const [endpoints, exposed] = [listOf(body['endpoints'], endpoint), listOf(body['exposed'], exposure)];
    return endpoints === undefined || exposed === undefined ? undefined : { endpoints, exposed };
  },
);

export const targetsFile = jsonFile<TargetsOnDisk>(
  'targets.json',
  1,
  ({ targets, remotes }) => ({ targets, remotes: [...remotes].map(([peer, r]) => ({ peer, ...r })) }),
  (body) => {
    const targets = listOf(body['targets'], (v) => (typeof v === 'string' && v !== '' ? v : undefined));
    const remotes = listOf(body['remotes'], remote);
    return targets === undefined || remotes === undefined ? undefined : { targets, remotes: new Map(remotes) };
  },
);

type Fields = Readonly<Record<string, unknown>>;

/** All of them, or undefined if one is not what it should be. */
function listOf<T>(value: unknown, parse: (v: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const parsed = value.map(parse);
  return parsed.includes(undefined) ? undefined : (parsed as T[]);
}

const fieldsOf = (v: unknown): Fields => (typeof v === 'object' && v !== null ? (v as Fields) : {});
const textOf = (v: unknown): string => (typeof v === 'string' ? v : '');

function endpoint(value: unknown): StoredEndpoint | undefined {
  const f = fieldsOf(value);
  const [id, network, mac] = [
    parseEndpointId(textOf(f['id'])),
    parseNetworkName(textOf(f['network'])),
    parseMac(textOf(f['mac'])),
  ];
  const ips = listOf(f['ips'], (v) => parseCidr(textOf(v)));
  if (id === undefined || network === undefined || mac === undefined || ips === undefined) return undefined;
  const stage = (['joining', 'gone'] as const).find((s) => s === f['stage']);
  const inode = /^\d{1,20}$/.exec(textOf(f['inode']))?.[0];
  return {
    id,
    network,
    mac,
    ips,
    allowSpoof: f['allowSpoof'] === true,
    ifname: textOf(f['ifname']),
    target: textOf(f['target']),
    inode: inode === undefined ? undefined : BigInt(inode),
    stage,
  };
}

/** JSON has no bigint. */
const endpointFields = ({ inode, ...rest }: StoredEndpoint): Fields => ({
  ...rest,
  ...(inode !== undefined && { inode: `${inode}` }),
});

function exposure(value: unknown): StoredExposure | undefined {
  const f = fieldsOf(value);
  const [network, ips] = [parseNetworkName(textOf(f['network'])), listOf(f['ips'], (v) => parseCidr(textOf(v)))];
  return network === undefined || ips === undefined ? undefined : { network, ips };
}

function remote(value: unknown): readonly [PeerId, Remotes] | undefined {
  const f = fieldsOf(value);
  const [peer, v4, v6] = [parsePeerId(textOf(f['peer'])), parseIp(textOf(f['v4'])), parseIp(textOf(f['v6']))];
  return peer && [peer, { ...(v4 && { v4 }), ...(v6 && { v6 }) }];
}
