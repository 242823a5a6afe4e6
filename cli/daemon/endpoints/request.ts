// From the words of a request to an endpoint: every field is checked, for not only our own commands use the socket.
import { createHash } from 'node:crypto';
import {
  cidrIp,
  cidrLength,
  ipBytes,
  isIpv6,
  isLinkLocal,
  isUnusable,
  localMac,
  parseCidr,
  parseEndpointId,
  parseMac,
  parseNetworkName,
} from '../../../router/address.js';
import type { Cidr, EndpointId, Ip, Mac, NetworkName, PeerId } from '../../../router/types.js';
import type { EndpointRequest } from '../../api.js';
import { IFNAME_RULE, isIfname } from '../../ifname.js';
import { Refused } from '../control.js';
import type { StoredEndpoint } from './endpoint.js';

export const DEFAULT_NETWORK = 'mesh' as NetworkName;
export const DEFAULT_IFNAME = 'mesh0';
const MAX_IPS = 32;

/** @param self makes the MAC, where none is asked for, another one on every host. @throws Refused */
export function parseEndpoint(id: EndpointId, request: EndpointRequest, self: PeerId): StoredEndpoint {
  const network = parseNetwork(request.network);
  const texts = request.ips ?? [];
  if (texts.length === 0)
    throw new Refused(
      'no address is given, and automatic addresses are not built yet',
      'mesh attach TARGET --ip 10.32.0.7/12',
    );
  if (texts.length > MAX_IPS)
    throw malformed(`${texts.length} addresses are given, an endpoint has at most ${MAX_IPS}`);
  const ips = oneLengthEach(texts.map(parseContainerCidr));
  const mac = request.mac === undefined ? ownMac(self, id) : parseMac(request.mac);
  if (mac === undefined) throw malformed(`MAC "${request.mac}" is malformed, or a group address`);
  const allowSpoof = request.allowSpoof ?? false;
  return { id, network, mac, ips, allowSpoof, ifname: '', target: '', inode: undefined, stage: undefined };
}

/** The same id has the same MAC for ever, and the same id on another host another one. */
const ownMac = (self: PeerId, id: EndpointId): Mac => localMac(createHash('sha256').update(`${self}/${id}`).digest());

/** The id of an endpoint that was not given one: attaching the same thing twice is one endpoint. */
export const idOfAttachment = (key: string, network: string, ifname: string): string =>
  `ep-${createHash('sha256').update(`${key}/${network}/${ifname}`).digest('hex').slice(0, 16)}`;

/** @throws Refused */
export function parseId(text: string): EndpointId {
  const id = parseEndpointId(text);
  if (id === undefined) throw malformed(`endpoint id "${text}" is malformed`);
  return id;
}

/** @throws Refused */
export function parseNetwork(text: string | undefined): NetworkName {
  const network = parseNetworkName(text ?? DEFAULT_NETWORK);
  if (network === undefined) throw malformed(`network "${text}" is malformed`);
  return network;
}

/** @throws Refused */
export function parseIfname(text: string): string {
  if (isIfname(text)) return text;
  throw malformed(`interface name "${text}" is malformed, it has ${IFNAME_RULE}`);
}

/** An address that a container can have: not the network's own, not its broadcast address. @throws Refused */
export function parseContainerCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw malformed(`address "${text}" is malformed, it is ADDRESS/LENGTH`);
  const ip = cidrIp(cidr);
  if (isUnusable(ip) || isLinkLocal(ip)) throw malformed(`${ip} is not an address that a container can have`);
  if (isIpv6(ip) || cidrLength(cidr) >= 31) return cidr;
  const size = 2 ** (32 - cidrLength(cidr));
  const host = Buffer.from(ipBytes(ip)).readUInt32BE() % size;
  if (host !== 0 && host !== size - 1) return cidr;
  throw malformed(`${ip} is the ${host === 0 ? 'network' : 'broadcast'} address of ${cidr}`);
}

/** Each address once. @throws Refused if one is there with two prefix lengths: it could not be told which to take away */
export function oneLengthEach(cidrs: readonly Cidr[]): readonly Cidr[] {
  const lengths = new Map<Ip, number>();
  for (const cidr of cidrs) {
    const [ip, length] = [cidrIp(cidr), cidrLength(cidr)];
    const other = lengths.get(ip) ?? length;
    if (other !== length) throw new Refused(`${ip} cannot have the prefix lengths ${other} and ${length} at once`);
    lengths.set(ip, length);
  }
  return [...new Set(cidrs)];
}

const malformed = (why: string): Refused => new Refused(why, 'mesh attach --help', 400);
