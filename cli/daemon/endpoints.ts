// Endpoints: from a request on the control socket to a veth, an announcement and a line on disk, and back. Every operation
// is idempotent by id; one endpoint's operations run one after the other.
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
} from '../../router/address.js';
import type { Cidr, EndpointId, Mac, NetworkName, PeerId } from '../../router/types.js';
import { KernelError } from '../../datapath/kernel.js';
import type { Datapath } from '../../datapath/datapath.js';
import type { EndpointRequest, EndpointStatus } from '../api.js';
import type { Announcer } from './announcer.js';
import { Refused } from './control.js';
import { resolveTarget, type ResolvedTarget } from './targets.js';

/** What is kept on disk of an endpoint. */
export interface StoredEndpoint {
  readonly id: EndpointId;
  readonly network: NetworkName;
  readonly mac: Mac;
  readonly ips: readonly Cidr[];
  /** Empty while it has no sandbox. */
  readonly ifname: string;
  /** ResolvedTarget.key, or empty. */
  readonly target: string;
}

interface Endpoint extends StoredEndpoint {
  state: 'attached' | 'created' | 'gone';
  inode: bigint | undefined;
  goneAtMs: number;
}

export interface EndpointsWorld {
  readonly self: PeerId;
  readonly datapath: Datapath;
  readonly announcer: Announcer;
  /** Synced to disk before it returns. */
  save(endpoints: readonly StoredEndpoint[]): void;
  log(event: string, fields: Readonly<Record<string, string | number>>): void;
  /** Monotonic, ms. */
  now(): number;
  /** @returns the prefix length of the network's range for a family, or undefined */
  hasNetwork(network: NetworkName): Promise<boolean>;
}

export const DEFAULT_NETWORK = 'mesh' as NetworkName;
export const DEFAULT_IFNAME = 'mesh0';
const MAX_ENDPOINTS = 4_096;
const MAX_IPS = 32;
const RETURN_WITHIN_MS = 10 * 60_000; // a sandbox that died may come back under its name for this long

export class Endpoints {
  readonly #world: EndpointsWorld;
  readonly #endpoints = new Map<EndpointId, Endpoint>();
  /** The last operation on each id, so that the next waits for it. */
  readonly #busy = new Map<EndpointId, Promise<unknown>>();

  constructor(world: EndpointsWorld) {
    this.#world = world;
  }

  list(): readonly EndpointStatus[] {
    return [...this.#endpoints.values()].map((e) => this.#status(e));
  }

  ids(): readonly EndpointId[] {
    return [...this.#endpoints.keys()];
  }

  /** Announces what the disk remembers, before the router says its first word, so that nothing seems withdrawn. */
  restore(stored: readonly StoredEndpoint[]): void {
    for (const s of stored) {
      this.#endpoints.set(s.id, { ...s, state: 'created', inode: undefined, goneAtMs: 0 });
      this.#world.announcer.announce(s, false);
    }
  }

  /** Makes the restored endpoints' links agree with what was announced; those whose sandbox is gone are withdrawn. */
  async rebuild(): Promise<void> {
    await Promise.all(
      [...this.#endpoints.values()].map((e) =>
        this.#exclusive(e.id, async () => {
          try {
            await this.#rebuildOne(e);
          } catch (error) {
            this.#lost(e, (error as Error).message);
          }
        }),
      ),
    );
  }

  /** `mesh attach`: create and join in one go. @throws Refused */
  async attach(
    request: EndpointRequest & { readonly target: string; readonly ifname?: string; readonly id?: string },
  ): Promise<{ endpoint: EndpointStatus; warnings: readonly string[] }> {
    const ifname = parseIfname(request.ifname ?? DEFAULT_IFNAME);
    const target = await resolveTarget(request.target);
    if (typeof target === 'string') throw new Refused(target);
    const network = request.network ?? DEFAULT_NETWORK;
    const id = request.id ?? `ep-${hash(`${target.key}/${network}/${ifname}`)}`;
    const twin = [...this.#endpoints.values()].find(
      (e) => e.inode === target.inode && e.ifname === ifname && e.state === 'attached',
    );
    if (twin !== undefined || this.#endpoints.get(id as EndpointId)?.state === 'attached')
      throw new Refused(`it is attached already, as ${ifname}`, `mesh detach ${request.target}`);
    return this.#exclusive(asId(id), async () => {
      const { endpoint, warnings } = await this.#create(asId(id), { ...request, network });
      try {
        await this.#join(endpoint, target, ifname);
      } catch (e) {
        await this.#delete(endpoint.id);
        throw e;
      }
      return { endpoint: this.#status(endpoint), warnings };
    });
  }

  /** @throws Refused if an address is in use elsewhere, or another endpoint of this id differs */
  create(
    id: string,
    request: EndpointRequest,
  ): Promise<{ created: boolean; endpoint: EndpointStatus; warnings: readonly string[] }> {
    return this.#exclusive(asId(id), async () => {
      const existed = this.#endpoints.has(id as EndpointId);
      const { endpoint, warnings } = await this.#create(asId(id), request);
      return { created: !existed, endpoint: this.#status(endpoint), warnings };
    });
  }

  join(
    id: string,
    at: { readonly target?: string; readonly netns?: string; readonly ifname?: string },
  ): Promise<EndpointStatus> {
    return this.#exclusive(asId(id), async () => {
      const e = this.#known(id);
      const ifname = parseIfname(at.ifname ?? DEFAULT_IFNAME);
      const name = at.netns ?? at.target;
      const target = name === undefined ? undefined : await resolveTarget(name);
      if (typeof target === 'string') throw new Refused(target);
      await this.#join(e, target, ifname);
      return this.#status(e);
    });
  }

  leave(id: string): Promise<EndpointStatus> {
    return this.#exclusive(asId(id), async () => {
      const e = this.#known(id);
      await this.#world.datapath.endpointLeave(e.id);
      this.#change(e, { state: 'created', ifname: '', target: '', inode: undefined });
      return this.#status(e);
    });
  }

  delete(id: string): Promise<boolean> {
    return this.#exclusive(asId(id), () => this.#delete(asId(id)));
  }

  /** `mesh detach`: every endpoint of the target that fits. @throws Refused if there is none */
  async detach(
    target: string,
    filter: { readonly network?: string; readonly ifname?: string },
  ): Promise<readonly EndpointStatus[]> {
    const resolved = await resolveTarget(target);
    const fits = [...this.#endpoints.values()].filter(
      (e) =>
        (typeof resolved === 'string'
          ? e.target === target || e.target.endsWith(`/${target}`)
          : e.target === resolved.key || e.inode === resolved.inode) &&
        (filter.network === undefined || e.network === filter.network) &&
        (filter.ifname === undefined || e.ifname === filter.ifname),
    );
    if (fits.length === 0)
      throw new Refused(typeof resolved === 'string' ? resolved : 'it is not attached', 'mesh status endpoints');
    const gone = fits.map((e) => this.#status(e));
    await Promise.all(fits.map((e) => this.#exclusive(e.id, () => this.#delete(e.id))));
    return gone;
  }

  /** The datapath saw that the sandbox, or the veth itself, is gone. */
  gone(id: EndpointId): void {
    void this.#exclusive(id, async () => {
      const e = this.#endpoints.get(id);
      if (e?.state !== 'attached') return;
      const found = await resolveTarget(e.target);
      if (typeof found !== 'string') return this.#rebuildOne(e); // someone deleted the link: the container still wants it
      this.#lost(e, found);
      await this.#world.datapath.endpointDelete(id);
    }).catch((error: unknown) =>
      this.#world.log('endpoint-failed', { endpoint: id, reason: (error as Error).message }),
    );
  }

  /** Once a second: is a sandbox that died back under its name? */
  async revive(): Promise<void> {
    for (const e of [...this.#endpoints.values()]) {
      if (e.state !== 'gone') continue;
      const expired = this.#world.now() - e.goneAtMs > RETURN_WITHIN_MS;
      if (expired) await this.#exclusive(e.id, () => this.#delete(e.id));
      else if (typeof (await resolveTarget(e.target)) !== 'string')
        await this.#exclusive(e.id, () => this.#rebuildOne(e)).catch(() => undefined);
    }
  }

  async #rebuildOne(e: Endpoint): Promise<void> {
    if (e.ifname === '' && e.target === '') return this.#world.datapath.endpointCreate(e);
    const target = e.target === '' ? undefined : await resolveTarget(e.target);
    if (typeof target === 'string') return this.#lost(e, target);
    if (e.state === 'gone') this.#world.announcer.announce(e, false);
    await this.#world.datapath.endpointCreate(e);
    await this.#join(e, target, e.ifname);
    this.#world.log('endpoint-back', { endpoint: e.id, target: e.target });
  }

  #lost(e: Endpoint, reason: string): void {
    this.#world.announcer.withdraw(e.id);
    this.#world.log('endpoint-gone', { endpoint: e.id, target: e.target, reason });
    if (e.target.startsWith('/proc/') || e.target === '') {
      this.#endpoints.delete(e.id);
      this.#save();
    } else this.#change(e, { state: 'gone', inode: undefined, goneAtMs: this.#world.now() });
  }

  async #create(
    id: EndpointId,
    request: EndpointRequest,
  ): Promise<{ endpoint: Endpoint; warnings: readonly string[] }> {
    const spec = this.#parse(id, request);
    if (!(await this.#world.hasNetwork(spec.network)))
      throw new Refused(`no router of the mesh has told of a network "${spec.network}" yet`, 'mesh status');
    const known = this.#endpoints.get(id);
    if (known !== undefined && !same(known, spec))
      throw new Refused(`an endpoint "${id}" exists with other addresses`, 'mesh status endpoints');
    if (this.#endpoints.size >= MAX_ENDPOINTS)
      throw new Refused(`this host has ${MAX_ENDPOINTS} endpoints, the most it takes`);
    this.#checkLocal(spec);
    const warnings = await this.#world.announcer.checkFree(spec);
    const endpoint: Endpoint = known ?? { ...spec, state: 'created', inode: undefined, goneAtMs: 0 };
    this.#endpoints.set(id, endpoint);
    try {
      await this.#world.datapath.endpointCreate(endpoint);
    } catch (e) {
      if (known === undefined) this.#endpoints.delete(id);
      throw refusal(e);
    }
    this.#save();
    this.#world.announcer.announce(endpoint, known === undefined || known.state === 'gone');
    return { endpoint, warnings };
  }

  async #join(e: Endpoint, target: ResolvedTarget | undefined, ifname: string): Promise<void> {
    try {
      await this.#world.datapath.endpointJoin(e.id, { ...(target && { netns: target.netns }), ifname });
      await this.#world.datapath.flushed();
    } catch (error) {
      throw refusal(error);
    }
    this.#change(e, { state: 'attached', ifname, target: target?.key ?? '', inode: target?.inode });
  }

  async #delete(id: EndpointId): Promise<boolean> {
    const existed = this.#endpoints.delete(id);
    this.#world.announcer.withdraw(id);
    if (existed) this.#save();
    await this.#world.datapath.endpointDelete(id);
    return existed;
  }

  #parse(id: EndpointId, request: EndpointRequest): StoredEndpoint {
    const network = parseNetworkName(request.network ?? DEFAULT_NETWORK);
    if (network === undefined) throw new Refused(`network "${request.network}" is malformed`, undefined, 400);
    const texts = request.ips ?? [];
    if (texts.length === 0)
      throw new Refused(
        'no address is given, and automatic addresses are not built yet',
        'mesh attach --ip 10.32.0.7/12 …',
      );
    if (texts.length > MAX_IPS)
      throw new Refused(`${texts.length} addresses are given, an endpoint has at most ${MAX_IPS}`, undefined, 400);
    const ips = texts.map(parseContainerCidr);
    const mac =
      request.mac === undefined
        ? localMac(createHash('sha256').update(`${this.#world.self}/${id}`).digest())
        : parseMac(request.mac);
    if (mac === undefined) throw new Refused(`MAC "${request.mac}" is malformed, or a group address`, undefined, 400);
    return { id, network, mac, ips: [...new Set(ips)], ifname: '', target: '' };
  }

  /** Two endpoints of one host must not share an address either. */
  #checkLocal(spec: StoredEndpoint): void {
    for (const other of this.#endpoints.values()) {
      if (other.id === spec.id || other.network !== spec.network || other.state === 'gone') continue;
      const clash = spec.ips.find((ip) => other.ips.some((o) => cidrIp(o) === cidrIp(ip)));
      if (clash !== undefined)
        throw new Refused(
          `${cidrIp(clash)} is in use by ${other.target || other.id} on this host`,
          'mesh status endpoints',
        );
      if (other.mac === spec.mac)
        throw new Refused(`${spec.mac} is in use by ${other.target || other.id} on this host`, 'mesh status endpoints');
    }
  }

  #known(id: string): Endpoint {
    const e = this.#endpoints.get(id as EndpointId);
    if (e === undefined) throw new Refused(`there is no endpoint "${id}"`, 'mesh status endpoints', 404);
    return e;
  }

  #change(e: Endpoint, change: Partial<Endpoint>): void {
    Object.assign(e, change);
    this.#save();
  }

  #save(): void {
    const stored = [...this.#endpoints.values()].map(({ id, network, mac, ips, ifname, target }) => ({
      id,
      network,
      mac,
      ips,
      ifname,
      target,
    }));
    this.#world.save(stored);
  }

  #status(e: Endpoint): EndpointStatus {
    const lost = this.#world.announcer.lostTo(e);
    const state = lost !== undefined ? 'conflict' : e.state;
    const [reason, remedy] =
      lost !== undefined
        ? [
            `${lost.what} is claimed by ${lost.name} as well, and its claim won`,
            `mesh detach ${e.target} here or there`,
          ]
        : e.state === 'gone'
          ? ['its sandbox is gone; it is attached again when it returns within 10 minutes', `mesh detach ${e.target}`]
          : ['', ''];
    return {
      id: e.id,
      network: e.network,
      mac: e.mac,
      ips: e.ips,
      ifname: e.ifname,
      target: e.target,
      state,
      reason,
      remedy,
    };
  }

  async #exclusive<T>(id: EndpointId, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(id) ?? Promise.resolve();
    const run = before.then(work, work);
    const quiet = run.catch(() => undefined);
    this.#busy.set(id, quiet);
    try {
      return await run;
    } finally {
      if (this.#busy.get(id) === quiet) this.#busy.delete(id);
    }
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

function asId(text: string): EndpointId {
  const id = parseEndpointId(text);
  if (id === undefined) throw new Refused(`endpoint id "${text}" is malformed`, undefined, 400);
  return id;
}

function parseIfname(text: string): string {
  if (/^[^\s/:\p{Cc}]+$/u.test(text) && Buffer.byteLength(text) <= 15 && text !== '.' && text !== '..') return text;
  throw new Refused(
    `interface name "${text}" is malformed, it has 1 to 15 bytes without slash, colon or space`,
    undefined,
    400,
  );
}

/** An address that a container can have: not the network's own, not its broadcast address. @throws Refused */
export function parseContainerCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Refused(`address "${text}" is malformed, it is ADDRESS/LENGTH`, undefined, 400);
  const ip = cidrIp(cidr);
  if (isUnusable(ip) || isLinkLocal(ip))
    throw new Refused(`${ip} is not an address that a container can have`, undefined, 400);
  if (isIpv6(ip) || cidrLength(cidr) >= 31) return cidr;
  const [value, hostBits] = [Buffer.from(ipBytes(ip)).readUInt32BE(), 32 - cidrLength(cidr)];
  const host = value % 2 ** hostBits;
  if (host === 0 || host === 2 ** hostBits - 1)
    throw new Refused(`${ip} is the ${host === 0 ? 'network' : 'broadcast'} address of ${cidr}`, undefined, 400);
  return cidr;
}

const same = (a: StoredEndpoint, b: StoredEndpoint): boolean =>
  a.network === b.network &&
  a.mac === b.mac &&
  a.ips.length === b.ips.length &&
  a.ips.every((ip, i) => ip === b.ips[i]);

/** A refusal of the kernel's in words; everything else is a bug and passes. */
function refusal(e: unknown): unknown {
  if (e instanceof Refused || !(e instanceof KernelError)) return e;
  return new Refused(e.message);
}
