// Values from the command line, checked before anyone acts on them. Each complaint names the flag, the value and what is allowed.
import {
  cidrIp,
  cidrLength,
  ipBytes,
  isUnusable,
  parseCidr,
  parseEndpointId,
  parseHostPort,
  parseIp,
  parseMac,
  parseNetworkName,
} from '../router/address.js';
import type { Cidr, EndpointId, Ip, Mac, NetworkName } from '../router/types.js';
import { UsageError, type Input, type Io } from './command.js';
import { IFNAME_RULE, isIfname } from './ifname.js';
import { socketPath, stateDir } from './paths.js';
import type { SecretChoice } from './secret-option.js';

/** First of the three ports: control on it (tcp and udp), the sleeve on the next, vxlan on the one after. */
export const DEFAULT_PORT = 6783;
const MAX_PORT = 65533;
const MIN_MTU = 576; // RFC 791: what every IPv4 host must take
const MAX_MTU = 65000;
const MAX_NAME = 63;

/** What `mesh launch` was told. */
export interface LaunchConfig {
  /** A label for people: 1 to 63 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit. */
  readonly name: string;
  /** Undefined: every address of the host, IPv4 and IPv6. */
  readonly listen: Ip | undefined;
  /** Addresses to tell the others; empty: those that the host has. */
  readonly advertise: readonly Ip[];
  /** 1 .. 65533: control; port+1 is the sleeve's, port+2 vxlan's. */
  readonly port: number;
  /** Absolute paths. */
  readonly stateDir: string;
  readonly socket: string;
  /** Whose members may speak to the router; left out: root alone. */
  readonly socketGroup?: string;
  /** Host bits are zero. */
  readonly range: Cidr | undefined;
  /** Of what a container may send, bytes; undefined: the underlay's less 124. */
  readonly mtu: number | undefined;
  readonly overlay: 'auto' | 'vxlan' | 'sleeve';
  /** Where VXLAN may go unsealed; left out: private, link-local and unique-local ranges. */
  readonly trusted?: readonly Cidr[];
  readonly logFormat: 'text' | 'json';
  /** Left out: the one on disk, or a new one for a mesh that it founds. Never on a command line of ours. */
  readonly secret?: SecretChoice;
  /** `HOST[:PORT]` as typed, well-formed. */
  readonly peers: readonly string[];
}

/** @throws UsageError for the first value that will not do; Failure for what is not built yet */
export function launchConfig(input: Input, io: Io, hostname: string): LaunchConfig {
  return {
    name: nameOption(input, hostname),
    listen: listenOption(input),
    advertise: input.list('advertise').map(advertised),
    port: integer(input, 'port', 1, MAX_PORT, `a port and the two after it must fit: 1 to ${MAX_PORT}`) ?? DEFAULT_PORT,
    stateDir: stateDir(input, io.env),
    socket: socketPath(input, io.env),
    ...groupOption(input),
    range: rangeOption(input),
    mtu: integer(input, 'mtu', MIN_MTU, MAX_MTU, `an MTU is ${MIN_MTU} to ${MAX_MTU} bytes`),
    overlay: choice(input, 'overlay', ['auto', 'vxlan', 'sleeve']) ?? 'auto',
    ...trustedOption(input),
    logFormat: choice(input, 'log-format', ['text', 'json']) ?? 'text',
    peers: input.args.map(peerArgument),
  };
}

/** The command line that gives the same configuration again, but for a secret, which is read from standard input: for the background child. */
export function launchArgv(c: LaunchConfig): readonly string[] {
  const flag = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${name}=${value}`];
  return [
    'launch',
    ...flag('name', c.name),
    ...flag('listen', c.listen),
    ...c.advertise.flatMap((ip) => flag('advertise', ip)),
    ...flag('port', c.port),
    ...flag('state-dir', c.stateDir),
    ...flag('socket', c.socket),
    ...flag('socket-group', c.socketGroup),
    ...flag('range', c.range),
    ...flag('mtu', c.mtu),
    ...flag('overlay', c.overlay),
    ...flag('trusted-subnets', c.trusted && (c.trusted.join(',') || 'none')),
    ...flag('log-format', c.logFormat),
    ...(c.secret === undefined ? [] : c.secret === 'open' ? ['--open'] : ['--secret=-']),
    ...c.peers,
  ];
}

/** Peers as a person calls them. @throws UsageError */
export function peerWords({ args }: Input): readonly string[] {
  if (args.includes('')) throw new UsageError('peer "" is malformed, a peer is a name, an id or an address');
  return args;
}

/** A dial target as typed, its form checked. */
export function peerArgument(text: string): string {
  const host = parseHostPort(text, DEFAULT_PORT)?.host ?? '';
  // A name of digits and dots alone is a mistyped address: no top-level domain is a number (RFC 3696 §2).
  const isName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(host) && !/^[\d.]+$/.test(host);
  if (parseIp(host) !== undefined || isName) return text;
  throw new UsageError(`peer "${text}" is malformed, a peer is HOST, HOST:PORT or [IPV6]:PORT`);
}

/** The values of --ip: addresses with a prefix length, each usable by a container. */
export function ipOption(input: Input): readonly Cidr[] {
  return input.list('ip').map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new UsageError(`--ip "${text}" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12`);
    if (isUnusable(cidrIp(cidr))) throw new UsageError(`--ip "${text}" is not an address that a host can have`);
    return cidr;
  });
}

export function macOption(input: Input): Mac | undefined {
  return parsed(input, 'mac', parseMac, 'six hex pairs as 02:6d:00:00:00:01, not a group address');
}

export function networkOption(input: Input): NetworkName | undefined {
  return parsed(input, 'network', parseNetworkName, 'a letter, then up to 31 of a-z 0-9 -');
}

export function idOption(input: Input): EndpointId | undefined {
  return parsed(input, 'id', parseEndpointId, '1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit');
}

export function ifnameOption(input: Input): string | undefined {
  return parsed(input, 'ifname', (text) => (isIfname(text) ? text : undefined), IFNAME_RULE);
}

function parsed<T>(input: Input, name: string, parse: (text: string) => T | undefined, allowed: string): T | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) throw new UsageError(`--${name} "${text}" is malformed, it is ${allowed}`);
  return value;
}

function integer(input: Input, name: string, min: number, max: number, allowed: string): number | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  const n = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (n >= min && n <= max) return n;
  throw new UsageError(`--${name} "${text}" will not do, ${allowed}`);
}

function choice<T extends string>(input: Input, name: string, allowed: readonly T[]): T | undefined {
  const text = input.text(name);
  const found = allowed.find((one) => one === text);
  if (text !== undefined && found === undefined) {
    throw new UsageError(`--${name} "${text}" is unknown, it is ${allowed.join(' or ')}`);
  }
  return found;
}

const validName = (text: string): string | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && text.length <= MAX_NAME ? text : undefined;

function nameOption(input: Input, hostname: string): string {
  const allowed = `1 to ${MAX_NAME} of A-Z a-z 0-9 . _ -, beginning with a letter or digit`;
  const fallback = hostname.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return parsed(input, 'name', validName, allowed) ?? (fallback.slice(0, MAX_NAME) || 'host');
}

function listenOption(input: Input): Ip | undefined {
  return parsed(input, 'listen', parseIp, "an IPv4 or IPv6 address of this host's");
}

function advertised(text: string): Ip {
  const ip = parseIp(text);
  if (ip === undefined) throw new UsageError(`--advertise "${text}" is malformed, it is an IPv4 or IPv6 address`);
  if (isUnusable(ip)) throw new UsageError(`--advertise "${text}" is not an address that another host can reach`);
  return ip;
}

function groupOption(input: Input): Pick<LaunchConfig, 'socketGroup'> {
  const valid = (text: string): string | undefined =>
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(text) ? text : undefined;
  const socketGroup = parsed(input, 'socket-group', valid, 'the name or the number of a group');
  return socketGroup === undefined ? {} : { socketGroup };
}

const MAX_TRUSTED = 16;

function trustedOption(input: Input): Pick<LaunchConfig, 'trusted'> {
  const texts = input.list('trusted-subnets');
  if (texts.length === 0) return {};
  if (texts.length === 1 && texts[0] === 'none') return { trusted: [] };
  if (texts.length > MAX_TRUSTED)
    throw new UsageError(`--trusted-subnets has ${texts.length} of them, ${MAX_TRUSTED} is the most`);
  const trusted = texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return cidr;
    throw new UsageError(`--trusted-subnets "${text}" is malformed, it is none, or NETWORK/LENGTH as 10.0.0.0/8`);
  });
  return { trusted };
}

function rangeOption(input: Input): Cidr | undefined {
  const cidr = parsed(input, 'range', parseCidr, 'NETWORK/LENGTH, as 10.32.0.0/12');
  if (cidr === undefined) return undefined;
  const bytes = ipBytes(cidrIp(cidr));
  const hostBits = bytes.length * 8 - cidrLength(cidr);
  if (hostBits < 2) throw new UsageError(`--range "${cidr}" is too small, it must hold 4 addresses or more`);
  const beyond = bytes.some((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, cidrLength(cidr) - i * 8)))) !== 0);
  if (beyond)
    throw new UsageError(
      `--range "${cidr}" is an address inside a network, its bits after /${cidrLength(cidr)} must be 0`,
    );
  return cidr;
}
