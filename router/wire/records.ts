// The typed records of the streams. Values are MessagePack maps with short keys; unknown keys are ignored, so that a
// later version can add some. Everything is checked on the way in; what fails is a reason, never a throw.
import {
  formatSocketAddress,
  parseCidr,
  parseHostPort,
  parseIp,
  parseMac,
  parseNetworkName,
  parsePeerId,
  parseVni,
} from '../address.js';
import type { Cidr, Ip, Mac, NetworkName, Overlay, PeerId, SocketAddress, Vni } from '../types.js';
import { MAX_VALUE_BYTES } from './block.js';
import { LAUNCH_BYTES } from './hello.js';
import { decodeMsgpackMap, encodeMsgpack, type MsgpackDrop, type MsgpackValue } from './msgpack.js';
import { peerIdAt, peerIdBytes } from './peer-id.js';

export const MAX_ADDRESSES = 16;
export const MAX_TRUSTED = 16;
export const MAX_NAME_BYTES = 64;
export const MAX_VERSION_BYTES = 32;

/** Key `peer` in `core`: the router itself. */
export interface PeerRecord {
  /** A label for people, 1 .. 64 printable characters. */
  readonly name: string;
  /** Where its control socket can be reached, best first; at most 16. */
  readonly addresses: readonly SocketAddress[];
  readonly vxlanPort: number;
  /** By its own word: `stopped` keeps its records in force, `left` does not. */
  readonly state: 'running' | 'stopped' | 'left';
  /** Of its software: `0.1.0`. */
  readonly version: string;
  /** Where it takes and sends VXLAN unsealed, at most 16; undefined: PRIVATE_SUBNETS. */
  readonly trusted?: readonly Cidr[];
  /** 16 random bytes of the launch that wrote it, which its datagrams are sealed under. */
  readonly launch?: Uint8Array;
}

/** Key `conn/PEER` in `core`: a connection as this end sees it. */
export interface ConnRecord {
  readonly overlay: Overlay;
  readonly rttMs?: number;
  /** Largest inner IP packet that passes, bytes. */
  readonly mtu?: number;
}

/** Key `net/NAME` in `core`, shared. `mtu`: largest IP packet of a container, bytes. */
export interface NetRecord {
  readonly vni: Vni;
  readonly mtu: number;
  readonly range?: Cidr;
}

/** Key `gone/PEER` in `core`, shared: a peer that left, or that an operator had forgotten. */
export interface GoneRecord {
  /** Its last launch that is gone, 1 .. 2^21-1; a later one is welcome. */
  readonly incarnation: number;
  readonly why: 'left' | 'forgotten';
}

/** Key `evicted/PEER` in `core`, shared: an operator has put the peer out of the mesh for good. Nothing takes it back. */
export interface EvictedRecord {
  /** What the peer was called, for people. */
  readonly name: string;
}

/** Key `secret` in `core`: the newest secret that the router has, once the mesh's was changed. */
export interface SecretRecord {
  /** 8 hex digits. */
  readonly keyId: string;
}

/** Key `ip/IP` in the network's topic: a claim. (`mac/MAC` is a claim with an empty map.) */
export interface IpRecord {
  readonly mac: Mac;
}

export type RecordKey =
  | { readonly kind: 'peer' }
  | { readonly kind: 'conn'; readonly peer: PeerId }
  | { readonly kind: 'net'; readonly name: NetworkName }
  | { readonly kind: 'gone'; readonly peer: PeerId }
  | { readonly kind: 'evicted'; readonly peer: PeerId }
  | { readonly kind: 'secret' }
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'ip'; readonly ip: Ip };

/** `field`: one is missing or has a value that is not allowed. */
export type RecordDrop = MsgpackDrop | 'field';

export const PEER_KEY = 'peer';
export const SECRET_KEY = 'secret';
export const connKey = (peer: PeerId): string => `conn/${peer}`;
export const netKey = (name: NetworkName): string => `net/${name}`;
export const goneKey = (peer: PeerId): string => `gone/${peer}`;
export const evictedKey = (peer: PeerId): string => `evicted/${peer}`;
export const macKey = (mac: Mac): string => `mac/${mac}`;
export const ipKey = (ip: Ip): string => `ip/${ip}`;

/** @returns undefined for a key of a later version, or one that is not in its canonical form */
export function parseKey(key: string): RecordKey | undefined {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  switch (slash < 0 ? key : key.slice(0, slash)) {
    case 'peer':
      return slash < 0 ? { kind: 'peer' } : undefined;
    case 'secret':
      return slash < 0 ? { kind: 'secret' } : undefined;
    case 'conn':
      return wrap(parsePeerId(name), (peer) => ({ kind: 'conn', peer: theOne(peer) }));
    case 'gone':
      return wrap(parsePeerId(name), (peer) => ({ kind: 'gone', peer: theOne(peer) }));
    case 'evicted':
      return wrap(parsePeerId(name), (peer) => ({ kind: 'evicted', peer: theOne(peer) }));
    case 'net':
      // `core` is a topic of its own, so no network can have the name.
      return wrap(name === 'core' ? undefined : parseNetworkName(name), (n) => ({ kind: 'net', name: n }));
    case 'mac':
      return wrap(same(parseMac(name), name), (mac) => ({ kind: 'mac', mac }));
    case 'ip':
      return wrap(same(parseIp(name), name), (ip) => ({ kind: 'ip', ip }));
    default:
      return undefined;
  }
}

/** The same text as it is known elsewhere, so that not each connection keeps an id and its whole key. */
const theOne = (peer: PeerId): PeerId => peerIdAt(peerIdBytes(peer), 0);

/** Map: `n` name, `a` addresses as text, `p` vxlan port, `s` state 0 running 1 stopped 2 left, `v` version, `t` trusted subnets as text, `l` launch; the last two may be missing. */
export function encodePeer(r: PeerRecord): Uint8Array {
  const a = r.addresses.slice(0, MAX_ADDRESSES).map(formatSocketAddress);
  return encodeMsgpack({
    n: r.name,
    a,
    p: r.vxlanPort,
    s: STATES.indexOf(r.state),
    v: r.version,
    t: r.trusted?.slice(0, MAX_TRUSTED),
    l: r.launch,
  });
}

export function decodePeer(bytes: Uint8Array): PeerRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const name = textIn(map.get('n'), MAX_NAME_BYTES);
  const addresses = addressesIn(map.get('a'));
  const vxlanPort = intIn(map.get('p'), 1, 65_535);
  const state = STATES[intIn(map.get('s'), 0, 2) ?? -1];
  const version = textIn(map.get('v'), MAX_VERSION_BYTES);
  if (name === undefined || addresses === undefined || vxlanPort === undefined) return 'field';
  const trusted = map.has('t') ? subnetsIn(map.get('t')) : [];
  const launch = map.get('l');
  if (state === undefined || version === undefined || trusted === undefined || !isLaunch(launch)) return 'field';
  const optional = { ...(map.has('t') && { trusted }), ...(launch && { launch }) };
  return { name, addresses, vxlanPort, state, version, ...optional };
}

/** Map: `o` overlay 0 none 1 vxlan 2 sleeve 3 relay, `r` RTT in ms, `m` MTU; the last two may be missing. */
export const encodeConn = (r: ConnRecord): Uint8Array =>
  encodeMsgpack({ o: OVERLAYS.indexOf(r.overlay), r: r.rttMs, m: r.mtu });

export function decodeConn(bytes: Uint8Array): ConnRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const overlay = OVERLAYS[intIn(map.get('o'), 0, OVERLAYS.length - 1) ?? -1];
  const [r, m] = [map.get('r'), map.get('m')];
  const mtu = intIn(m, 68, 65_535); // 68: the least an IPv4 link may have, RFC 791
  if (overlay === undefined || (m !== undefined && mtu === undefined)) return 'field';
  if (r !== undefined && (typeof r !== 'number' || r < 0)) return 'field';
  return { overlay, ...(r !== undefined && { rttMs: r }), ...(mtu !== undefined && { mtu }) };
}

/** Map: `i` VNI, `m` MTU, `r` range as text, which may be missing. */
export const encodeNet = (r: NetRecord): Uint8Array => encodeMsgpack({ i: r.vni, m: r.mtu, r: r.range });

export function decodeNet(bytes: Uint8Array): NetRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const [i, r] = [map.get('i'), map.get('r')];
  const vni = typeof i === 'number' ? parseVni(i) : undefined;
  const mtu = intIn(map.get('m'), 68, 65_535);
  const range = typeof r === 'string' ? same(parseCidr(r), r) : undefined;
  if (vni === undefined || mtu === undefined || (r !== undefined && range === undefined)) return 'field';
  return { vni, mtu, ...(range !== undefined && { range }) };
}

/** Map: `i` incarnation, `w` why 0 left 1 forgotten. */
export const encodeGone = (r: GoneRecord): Uint8Array => encodeMsgpack({ i: r.incarnation, w: WHYS.indexOf(r.why) });

export function decodeGone(bytes: Uint8Array): GoneRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const incarnation = intIn(map.get('i'), 1, 2 ** 21 - 1);
  const why = WHYS[intIn(map.get('w'), 0, 1) ?? -1];
  return incarnation === undefined || why === undefined ? 'field' : { incarnation, why };
}

/** Map: `n` name. */
export const encodeEvicted = (r: EvictedRecord): Uint8Array => encodeMsgpack({ n: r.name });

export function decodeEvicted(bytes: Uint8Array): EvictedRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const name = textIn(map.get('n'), MAX_NAME_BYTES);
  return name === undefined ? 'field' : { name };
}

/** Map: `k` key id, 8 hex digits. */
export const encodeSecret = (r: SecretRecord): Uint8Array => encodeMsgpack({ k: r.keyId });

export function decodeSecret(bytes: Uint8Array): SecretRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const keyId = map.get('k');
  return typeof keyId === 'string' && /^[0-9a-f]{8}$/.test(keyId) ? { keyId } : 'field';
}

/** Map: `m` MAC as text. */
export const encodeIp = (r: IpRecord): Uint8Array => encodeMsgpack({ m: r.mac });

export function decodeIp(bytes: Uint8Array): IpRecord | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  if (typeof map === 'string') return map;
  const m = map.get('m');
  const mac = typeof m === 'string' ? same(parseMac(m), m) : undefined;
  return mac === undefined ? 'field' : { mac };
}

const EMPTY_MAP = encodeMsgpack({});

/** The empty map. One array for all: do not write to it. */
export const encodeMac = (): Uint8Array => EMPTY_MAP;

export function decodeMac(bytes: Uint8Array): Readonly<Record<never, never>> | RecordDrop {
  const map = decodeMsgpackMap(bytes, MAX_VALUE_BYTES);
  return typeof map === 'string' ? map : {};
}

const STATES = ['running', 'stopped', 'left'] as const; // append-only: the index is on the wire
const WHYS = ['left', 'forgotten'] as const; // append-only: the index is on the wire
const OVERLAYS = ['none', 'vxlan', 'sleeve', 'relay'] as const; // append-only: the index is on the wire

const same = <T extends string>(parsed: T | undefined, text: string): T | undefined =>
  parsed === text ? parsed : undefined;

const isLaunch = (v: MsgpackValue | undefined): v is Uint8Array | undefined =>
  v === undefined || (v instanceof Uint8Array && v.length === LAUNCH_BYTES);

const wrap = <T>(value: T | undefined, make: (value: T) => RecordKey): RecordKey | undefined =>
  value === undefined ? undefined : make(value);

const intIn = (v: MsgpackValue | undefined, low: number, high: number): number | undefined =>
  typeof v === 'number' && Number.isInteger(v) && v >= low && v <= high ? v : undefined;

/** Printable, so that nobody's name moves the cursor of a terminal that prints it. */
const textIn = (v: MsgpackValue | undefined, maxBytes: number): string | undefined =>
  typeof v === 'string' && v.length > 0 && v.length <= maxBytes && /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(v) ? v : undefined;

function subnetsIn(v: MsgpackValue | undefined): readonly Cidr[] | undefined {
  if (!Array.isArray(v) || v.length > MAX_TRUSTED) return undefined;
  const subnets = (v as readonly MsgpackValue[]).map((text) =>
    typeof text === 'string' ? same(parseCidr(text), text) : undefined,
  );
  return subnets.includes(undefined) ? undefined : (subnets as Cidr[]);
}

function addressesIn(v: MsgpackValue | undefined): readonly SocketAddress[] | undefined {
  if (!Array.isArray(v) || v.length > MAX_ADDRESSES) return undefined;
  const addresses: SocketAddress[] = [];
  for (const text of v as readonly MsgpackValue[]) {
    if (typeof text !== 'string') return undefined;
    const at = parseHostPort(text, 0);
    const ip = at && parseIp(at.host);
    if (at === undefined || ip === undefined || formatSocketAddress({ ip, port: at.port }) !== text) return undefined;
    addresses.push({ ip, port: at.port });
  }
  return addresses.slice(); // what is pushed to has room for 17
}
