// `mesh expose` and `mesh hide`: the host itself on a network, by addresses on its bridge.
import { cidrIp } from '../../router/address.js';
import type { Cidr, EndpointId, NetworkName } from '../../router/types.js';
import type { Datapath } from '../../datapath/index.js';
import type { Announcer } from './announcer.js';
import { Refused } from './control.js';
import { parseContainerCidr } from './endpoints.js';
import type { StoredExposure } from './state.js';

export class Exposures {
  readonly #datapath: Datapath;
  readonly #announcer: Announcer;
  readonly #save: (exposed: readonly StoredExposure[]) => void;
  readonly #ips = new Map<NetworkName, readonly Cidr[]>();

  constructor(datapath: Datapath, announcer: Announcer, save: (exposed: readonly StoredExposure[]) => void) {
    this.#datapath = datapath;
    this.#announcer = announcer;
    this.#save = save;
  }

  list(): readonly StoredExposure[] {
    return [...this.#ips].map(([network, ips]) => ({ network, ips }));
  }

  async restore(stored: readonly StoredExposure[]): Promise<void> {
    for (const { network, ips } of stored) await this.#set(network, ips, false);
  }

  /** @returns all addresses of the host on the network. @throws Refused if one is in use elsewhere */
  async expose(network: NetworkName, texts: readonly string[]): Promise<readonly Cidr[]> {
    if (texts.length === 0)
      throw new Refused(
        'no address is given, and automatic addresses are not built yet',
        'mesh expose --ip 10.32.0.1/12',
      );
    const ips = [...new Set([...(this.#ips.get(network) ?? []), ...texts.map(parseContainerCidr)])];
    const mac = await this.#datapath.expose(network, []);
    await this.#announcer.checkFree({ id: idOf(network), network, mac, ips });
    return this.#set(network, ips, true);
  }

  /** @param texts none: all of them. @returns those that are gone */
  async hide(network: NetworkName, texts: readonly string[]): Promise<readonly Cidr[]> {
    const held = this.#ips.get(network) ?? [];
    const wanted = texts.map((t) => cidrIp(parseContainerCidr(t)));
    const gone = texts.length === 0 ? held : held.filter((ip) => wanted.includes(cidrIp(ip)));
    if (gone.length === 0) throw new Refused('this host has no such address on the network', 'mesh status');
    await this.#datapath.hide(network, gone);
    const left = held.filter((ip) => !gone.includes(ip));
    if (left.length > 0) await this.#set(network, left, false);
    else {
      this.#ips.delete(network);
      this.#announcer.withdraw(idOf(network));
      this.#save(this.list());
    }
    return gone;
  }

  async #set(network: NetworkName, ips: readonly Cidr[], fresh: boolean): Promise<readonly Cidr[]> {
    const mac = await this.#datapath.expose(network, ips);
    this.#ips.set(network, ips);
    this.#save(this.list());
    this.#announcer.announce({ id: idOf(network), network, mac, ips }, fresh);
    return ips;
  }
}

const idOf = (network: NetworkName): EndpointId => `expose.${network}` as EndpointId;
