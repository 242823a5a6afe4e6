// Endpoints: from a request on the control socket to a veth, an announcement and a line on disk, and back. Every operation
// is idempotent by id; one endpoint's operations run one after the other.
//
//   state      event                          next       what is done
//   (none)     create                         created    take its addresses, announce, save
//   created    join                           attached   veth
//   created    launch after a crash in attach attached   veth; or (none), if its sandbox is gone
//   attached   leave                          created    no veth
//   attached   the link vanished              attached   made again
//   attached   the sandbox died               gone       no veth, addresses withdrawn; waits for it under the same name
//   gone       the sandbox is back            attached   as before it died
//   gone       create, attach                 created    as a new one
//   gone       10 minutes                     (none)
//   any        delete, detach                 (none)     no veth, addresses withdrawn
import type { EndpointId, PeerId } from '../../../router/types.js';
import type { Datapath } from '../../../datapath/datapath.js';
import type { AttachRequest, EndpointRequest, EndpointStatus } from '../../api.js';
import { Refused } from '../control.js';
import { requestFailure } from '../failures.js';
import type { Announcer } from './announcer.js';
import { created, endpointStatus, isSame, restored, storedOf, type Endpoint, type StoredEndpoint } from './endpoint.js';
import type { Holdings } from './holdings.js';
import { DEFAULT_IFNAME, DEFAULT_NETWORK, idOfAttachment, parseEndpoint, parseId, parseIfname } from './request.js';
import { restoreOrder } from './restore-order.js';
import type { NoTarget, ResolvedTarget } from './targets.js';
import { Turns } from './turns.js';

export interface EndpointsWorld {
  readonly self: PeerId;
  readonly datapath: Datapath;
  readonly announcer: Announcer;
  readonly holdings: Holdings;
  /** Synced to disk before it returns. @throws StateDirError */
  save(endpoints: readonly StoredEndpoint[]): void;
  log(event: string, fields: Readonly<Record<string, string | number>>): void;
  /** @see resolveTarget */
  resolve(text: string): Promise<ResolvedTarget | NoTarget>;
  /** Monotonic, ms. */
  now(): number;
}

/** `warnings`: sentences about what was taken over from others. */
export interface Created {
  readonly endpoint: EndpointStatus;
  readonly warnings: readonly string[];
}

/** Where an endpoint is to go. Neither: its link stays in the router's namespace. */
export interface JoinRequest {
  readonly target?: string;
  readonly netns?: string;
  readonly ifname?: string;
}

/** All of them must fit; `ips` without prefix lengths or with them. */
export interface DetachFilter {
  readonly network?: string;
  readonly ifname?: string;
  readonly ips?: readonly string[];
}

const MAX_ENDPOINTS = 4_096;
const RETURN_WITHIN_MS = 10 * 60_000; // a sandbox that died may come back under its name for this long

export class Endpoints {
  readonly #world: EndpointsWorld;
  readonly #endpoints = new Map<EndpointId, Endpoint>();
  readonly #turns = new Turns<EndpointId>();
  #isClosed = false;

  constructor(world: EndpointsWorld) {
    this.#world = world;
  }

  list(): readonly EndpointStatus[] {
    return [...this.#endpoints.values()].map((e) => this.#status(e));
  }

  ids(): readonly EndpointId[] {
    return [...this.#endpoints.keys()];
  }

  /** Takes no more requests. Resolves when those under way have ended, well or not. */
  async close(why: Refused): Promise<void> {
    this.#isClosed = true;
    await this.#turns.close(why);
  }

  /**
   * Announces what the disk remembers, before the router says its first word, so that nothing seems withdrawn. What is
   * gone has no addresses. Two that have one must not happen, and must not keep a host from its network: one is dropped.
   */
  async restore(stored: readonly StoredEndpoint[]): Promise<void> {
    const { holdings, announcer } = this.#world;
    for (const s of await restoreOrder(stored, (text) => this.#world.resolve(text))) {
      if (s.stage !== 'gone')
        try {
          holdings.take(s, () => this.#label(s.id));
          announcer.announce(s, false);
        } catch (e) {
          if (!(e instanceof Refused)) throw e;
          this.#world.log('endpoint-dropped', { endpoint: s.id, target: s.target, reason: e.message });
          continue;
        }
      this.#endpoints.set(s.id, restored(s, this.#world.now()));
    }
  }

  /** Makes the restored endpoints' links agree with what was announced; those whose sandbox is gone are withdrawn. */
  async rebuild(): Promise<void> {
    await Promise.all(this.ids().map((id) => this.#unasked(id, () => this.#rebuildOrWait(id))));
  }

  /** `mesh attach`: create and join in one go. @throws Refused if the target has such an interface already */
  async attach(request: AttachRequest & { readonly id?: string }): Promise<Created> {
    const ifname = parseIfname(request.ifname ?? DEFAULT_IFNAME);
    const target = await this.#resolve(request.target);
    const network = request.network ?? DEFAULT_NETWORK;
    const id = parseId(request.id ?? idOfAttachment(target.key, network, ifname));
    return this.#turns.take(id, async () => {
      const isTwin = (e: Endpoint): boolean => e.ifname === ifname && e.inode === target.inode;
      const isIt = (e: Endpoint): boolean => e.id === id && (e.target !== target.key || e.inode === target.inode);
      if ([...this.#endpoints.values()].some((e) => e.state === 'attached' && (isIt(e) || isTwin(e))))
        throw new Refused(`it is attached already, as ${ifname}`, `mesh detach ${request.target}`);
      // The datapath has not yet seen that the sandbox is another one of the same name.
      if (this.#endpoints.get(id)?.state === 'attached') await this.#wait(id, 'its sandbox was replaced');
      const before = this.#endpoints.get(id);
      const at = { ifname, target: target.key, inode: target.inode, stage: 'joining' } as const;
      const warnings = await this.#create(id, { ...request, network }, at);
      try {
        await this.#join(id, target, ifname, request.target);
      } catch (e) {
        if (before === undefined) await this.#delete(id);
        else await this.#putBack(before);
        throw e;
      }
      return { endpoint: this.#status(this.#known(id)), warnings };
    });
  }

  /** @throws Refused if an address is in use elsewhere, or another endpoint of this id differs */
  create(text: string, request: EndpointRequest): Promise<Created & { readonly created: boolean }> {
    const id = parseId(text);
    return this.#turns.take(id, async () => {
      const isNew = !this.#endpoints.has(id);
      const warnings = await this.#create(id, request);
      return { created: isNew, endpoint: this.#status(this.#known(id)), warnings };
    });
  }

  join(text: string, at: JoinRequest): Promise<EndpointStatus> {
    const id = parseId(text);
    return this.#turns.take(id, async () => {
      this.#known(id);
      const ifname = parseIfname(at.ifname ?? DEFAULT_IFNAME);
      const name = at.netns ?? at.target;
      const target = name === undefined ? undefined : await this.#resolve(name);
      this.#claimAgain(id);
      await this.#join(id, target, ifname, name);
      return this.#status(this.#known(id));
    });
  }

  leave(text: string): Promise<EndpointStatus> {
    const id = parseId(text);
    return this.#turns.take(id, async () => {
      this.#claimAgain(id);
      await this.#world.datapath.endpointLeave(id);
      this.#change(id, { state: 'created', why: '', ifname: '', target: '', inode: undefined, stage: undefined });
      return this.#status(this.#known(id));
    });
  }

  /** @returns was it there? */
  delete(text: string): Promise<boolean> {
    const id = parseId(text);
    return this.#turns.take(id, () => this.#delete(id));
  }

  /** `mesh detach`: every endpoint of the target that fits; if it is none, the endpoint of that id. @throws Refused if there is none */
  async detach(target: string, filter: DetachFilter): Promise<readonly EndpointStatus[]> {
    const resolved = await this.#world.resolve(target);
    const isAt = (e: Endpoint): boolean =>
      'why' in resolved
        ? e.target === target || e.target.endsWith(`/${target}`)
        : e.target === resolved.key || e.inode === resolved.inode;
    const all = [...this.#endpoints.values()];
    const there = all.filter((e) => e.target !== '' && isAt(e));
    const found = there.length > 0 ? there : all.filter((e) => e.id === target);
    if (found.length === 0)
      throw new Refused('why' in resolved ? resolved.why : 'it is not attached', 'mesh status endpoints');
    const fits = found.filter((e) => isMatch(e, filter));
    if (fits.length === 0) throw new Refused('it has no such interface of ours', 'mesh status endpoints');
    return this.#deleteAll(fits);
  }

  /** The datapath saw that the sandbox, or the veth itself, is gone. */
  gone(id: EndpointId): void {
    void this.#unasked(id, async () => {
      if (this.#endpoints.get(id)?.state === 'attached') await this.#rebuildOrWait(id);
    });
  }

  /** Once a second: is a sandbox that died back under its name? */
  async revive(): Promise<void> {
    for (const { id } of [...this.#endpoints.values()].filter((e) => e.state === 'gone'))
      await this.#unasked(id, async () => {
        const e = this.#endpoints.get(id);
        if (e?.state !== 'gone') return;
        if (this.#world.now() - e.goneAtMs > RETURN_WITHIN_MS) await this.#delete(id);
        else if (!('why' in (await this.#world.resolve(e.target)))) await this.#rebuildOrWait(id);
      });
  }

  async #deleteAll(endpoints: readonly Endpoint[]): Promise<readonly EndpointStatus[]> {
    const gone = endpoints.map((e) => this.#status(e));
    await Promise.all(endpoints.map((e) => this.#turns.take(e.id, () => this.#delete(e.id))));
    return gone;
  }

  /** What nobody waits for the answer of: a refusal is logged. */
  #unasked(id: EndpointId, work: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return this.#turns.take(id, work).catch((e: unknown) => {
      const failure = requestFailure(e);
      if (!(failure instanceof Refused)) throw failure;
      this.#world.log('endpoint-failed', { endpoint: id, reason: failure.message });
    });
  }

  /** Its sandbox may be there, and its link may be; afterwards either both are, or it waits. */
  async #rebuildOrWait(id: EndpointId): Promise<void> {
    const e = this.#known(id);
    try {
      if (e.ifname === '') return await this.#world.datapath.endpointCreate(e);
      const target = e.target === '' ? undefined : await this.#world.resolve(e.target);
      if (target !== undefined && 'why' in target) return await this.#lost(id, target.why);
      // A pid is another process's after a while, and after a reboot.
      if (target?.returns === false && target.inode !== e.inode)
        return await this.#lost(id, 'another process has its pid now');
      this.#claimAgain(id);
      await this.#world.datapath.endpointCreate(e);
      await this.#join(id, target, e.ifname, e.target);
      this.#world.log('endpoint-back', { endpoint: id, target: e.target });
    } catch (error) {
      const failure = requestFailure(error);
      if (!(failure instanceof Refused)) throw failure;
      await (e.stage === 'joining' ? this.#lost(id, failure.message) : this.#wait(id, failure.message));
    }
  }

  /** While it was gone its addresses were free for others. @throws Refused */
  #claimAgain(id: EndpointId): void {
    const e = this.#known(id);
    this.#world.holdings.take(e, () => this.#label(id));
    if (e.state === 'gone') this.#world.announcer.announce(e, false);
  }

  /** Its sandbox is no more. One that had a name may come back under it. */
  async #lost(id: EndpointId, why: string): Promise<void> {
    const { target, stage } = this.#known(id);
    // One that was never joined is not waited for: who asked was told that it failed.
    if (!target.startsWith('/proc/') && target !== '' && stage !== 'joining') return this.#wait(id, why);
    this.#world.log('endpoint-gone', { endpoint: id, target, reason: why });
    await this.#delete(id);
  }

  async #wait(id: EndpointId, why: string): Promise<void> {
    const e = this.#known(id);
    this.#world.announcer.withdraw(id);
    this.#world.holdings.drop(id);
    if (e.state !== 'gone' || e.why !== why) {
      this.#world.log('endpoint-gone', { endpoint: id, target: e.target, reason: why });
      const goneAtMs = e.state === 'gone' ? e.goneAtMs : this.#world.now();
      this.#change(id, { state: 'gone', why, goneAtMs, stage: 'gone' });
    }
    await this.#world.datapath.endpointDelete(id);
  }

  /** @param at where it will be joined, so that a launch after a crash can end what was begun */
  async #create(
    id: EndpointId,
    request: EndpointRequest,
    at?: Pick<StoredEndpoint, 'ifname' | 'target' | 'inode' | 'stage'>,
  ): Promise<readonly string[]> {
    const { self, announcer, holdings, datapath } = this.#world;
    const spec = parseEndpoint(id, request, self);
    await announcer.needNetwork(spec.network);
    const before = this.#endpoints.get(id);
    const known = before?.state === 'gone' ? undefined : before; // it has no addresses, and gives way
    if (known !== undefined && !isSame(known, spec))
      throw new Refused(`an endpoint "${id}" exists ${difference(known, spec)}`, `mesh detach ${id}`);
    if (before === undefined && this.#endpoints.size >= MAX_ENDPOINTS)
      throw new Refused(`this host has ${MAX_ENDPOINTS} endpoints, the most it takes`, 'mesh status endpoints');
    const warnings = await announcer.checkFree(spec);
    holdings.take(spec, () => this.#label(id));
    this.#endpoints.set(id, { ...(known ?? created(spec)), ...at });
    try {
      await datapath.endpointCreate(spec);
      this.#save();
    } catch (e) {
      if (before === undefined) await this.#delete(id);
      else await this.#putBack(before);
      throw requestFailure(e);
    }
    announcer.announce(spec, known === undefined);
    return warnings;
  }

  /** @param typed what the sandbox was called by who asked */
  async #join(id: EndpointId, target: ResolvedTarget | undefined, ifname: string, typed = ''): Promise<void> {
    try {
      await this.#world.datapath.endpointJoin(id, { ...(target && { netns: target.netns }), ifname });
      await this.#world.datapath.flushed();
      const at = { ifname, target: target?.key ?? '', inode: target?.inode, stage: undefined };
      this.#change(id, { state: 'attached', why: '', ...at });
    } catch (e) {
      throw requestFailure(e, { target: typed, ifname });
    }
  }

  /** What was asked of it failed: it is again as it was, on disk as well if the disk lets us. */
  async #putBack(before: Endpoint): Promise<void> {
    const { holdings, announcer, datapath } = this.#world;
    this.#endpoints.set(before.id, before);
    if (before.state === 'gone') {
      holdings.drop(before.id);
      announcer.withdraw(before.id);
      await datapath.endpointDelete(before.id);
    }
    this.#save();
  }

  async #delete(id: EndpointId): Promise<boolean> {
    const existed = this.#endpoints.delete(id);
    this.#world.holdings.drop(id);
    this.#world.announcer.withdraw(id);
    await this.#world.datapath.endpointDelete(id);
    if (existed) this.#save();
    return existed;
  }

  async #resolve(text: string): Promise<ResolvedTarget> {
    const target = await this.#world.resolve(text);
    if ('why' in target) throw new Refused(target.why, target.remedy);
    return target;
  }

  #known(id: EndpointId): Endpoint {
    const e = this.#endpoints.get(id);
    if (e === undefined) throw new Refused(`there is no endpoint "${id}"`, 'mesh status endpoints', 404);
    return e;
  }

  #change(id: EndpointId, change: Partial<Endpoint>): void {
    this.#endpoints.set(id, { ...this.#known(id), ...change });
    this.#save();
  }

  #save(): void {
    this.#world.save([...this.#endpoints.values()].map(storedOf));
  }

  #status(e: Endpoint): EndpointStatus {
    return endpointStatus(e, e.state === 'gone' ? undefined : this.#world.announcer.lostTo(e));
  }

  #label(id: EndpointId): { readonly who: string; readonly remedy: string } {
    return { who: `${this.#endpoints.get(id)?.target || id} on this host`, remedy: `mesh detach ${id}` };
  }
}

const isMatch = (e: Endpoint, { network, ifname, ips = [] }: DetachFilter): boolean =>
  (network === undefined || e.network === network) &&
  (ifname === undefined || e.ifname === ifname) &&
  ips.every((ip) => e.ips.some((has) => has === ip || has.startsWith(`${ip}/`)));

const difference = (known: StoredEndpoint, spec: StoredEndpoint): string =>
  isSame({ ...known, allowSpoof: spec.allowSpoof }, spec)
    ? `${known.allowSpoof ? 'with' : 'without'} --allow-spoof`
    : 'with other addresses';
