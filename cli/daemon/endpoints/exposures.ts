// `mesh expose` and `mesh hide`: the host itself on a network, by addresses on its bridge.
import { cidrIp } from '../../../router/address.js';
import type { Cidr, EndpointId, NetworkName } from '../../../router/types.js';
import type { Datapath } from '../../../datapath/datapath.js';
import { Refused } from '../control.js';
import { requestFailure } from '../failures.js';
import type { Announcer } from './announcer.js';
import type { Holdings } from './holdings.js';
import { oneLengthEach, parseContainerCidr } from './request.js';
import { Turns } from './turns.js';

/** Addresses that the host itself has on a network. */
export interface StoredExposure {
  readonly network: NetworkName;
  readonly ips: readonly Cidr[];
}

export interface ExposuresWorld {
  readonly datapath: Datapath;
  readonly announcer: Announcer;
  readonly holdings: Holdings;
  /** Synced to disk before it returns. @throws StateDirError */
  save(exposed: readonly StoredExposure[]): void;
  log(event: string, fields: Readonly<Record<string, string | number>>): void;
}

export class Exposures {
  readonly #world: ExposuresWorld;
  readonly #ips = new Map<NetworkName, readonly Cidr[]>();
  readonly #turns = new Turns<NetworkName>();

  constructor(world: ExposuresWorld) {
    this.#world = world;
  }

  list(): readonly StoredExposure[] {
    return [...this.#ips].map(([network, ips]) => ({ network, ips }));
  }

  /** Takes no more requests. Resolves when those under way have ended. */
  close(why: Refused): Promise<void> {
    return this.#turns.close(why);
  }

  /** What the kernel refuses is logged, and stays on disk for the next launch. */
  async restore(stored: readonly StoredExposure[]): Promise<void> {
    for (const { network, ips } of stored) {
      this.#ips.set(network, ips);
      await this.#set(network, ips, false).catch((e: unknown) => {
        const failure = requestFailure(e);
        if (!(failure instanceof Refused)) throw failure;
        this.#world.log('endpoint-failed', { endpoint: idOf(network), reason: failure.message });
      });
    }
  }

  /** @returns all addresses of the host on the network. @throws Refused if one is in use */
  expose(network: NetworkName, texts: readonly string[]): Promise<readonly Cidr[]> {
    if (texts.length === 0)
      throw new Refused(
        'no address is given, and automatic addresses are not built yet',
        'mesh expose --ip 10.32.0.254/12',
      );
    const more = texts.map(parseContainerCidr);
    return this.#turns.take(network, async () => {
      const { announcer, datapath } = this.#world;
      const ips = oneLengthEach([...(this.#ips.get(network) ?? []), ...more]);
      await announcer.needNetwork(network);
      const mac = await datapath.expose(network, []);
      await announcer.checkFree({ id: idOf(network), network, mac, ips });
      return this.#set(network, ips, true);
    });
  }

  /** @param texts none: all of them. @returns those that are gone */
  hide(network: NetworkName, texts: readonly string[]): Promise<readonly Cidr[]> {
    const wanted = texts.map((text) => cidrIp(parseContainerCidr(text)));
    return this.#turns.take(network, async () => {
      const held = this.#ips.get(network) ?? [];
      const missing = wanted.find((ip) => !held.some((cidr) => cidrIp(cidr) === ip));
      if (missing !== undefined) throw new Refused(`it does not have ${missing} on the network`, 'mesh status');
      if (held.length === 0) throw new Refused('it has no address on the network', 'mesh status');
      const gone = wanted.length === 0 ? held : held.filter((cidr) => wanted.includes(cidrIp(cidr)));
      await this.#world.datapath.hide(network, gone);
      await this.#keep(
        network,
        held.filter((cidr) => !gone.includes(cidr)),
      );
      return gone;
    });
  }

  async #keep(network: NetworkName, left: readonly Cidr[]): Promise<void> {
    if (left.length > 0) {
      await this.#set(network, left, false);
      return;
    }
    this.#ips.delete(network);
    this.#world.holdings.drop(idOf(network));
    this.#world.announcer.withdraw(idOf(network));
    this.#world.save(this.list());
  }

  async #set(network: NetworkName, ips: readonly Cidr[], fresh: boolean): Promise<readonly Cidr[]> {
    const { datapath, holdings, announcer } = this.#world;
    const id = idOf(network);
    const mac = await datapath.expose(network, []);
    holdings.take({ id, network, mac, ips }, () => ({ who: 'this host itself', remedy: 'mesh hide' }));
    await datapath.expose(network, ips);
    this.#ips.set(network, ips);
    this.#world.save(this.list());
    announcer.announce({ id, network, mac, ips }, fresh);
    return ips;
  }
}

const idOf = (network: NetworkName): EndpointId => `expose.${network}` as EndpointId;
