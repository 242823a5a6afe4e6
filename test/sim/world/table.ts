// What a host's datapath was told, summed up: the cheap stand-in for a kernel.
import type { ForwardingDelta, Mac, NetworkName, PeerId } from '../../../router/types.js';

/** The network that every world's containers are in. */
export const NETWORK = 'mesh' as NetworkName;

export class Table {
  readonly macs = new Map<string, PeerId>();
  readonly neighs = new Map<string, Mac>();
  readonly peers = new Map<PeerId, string>();
  readonly members = new Set<PeerId>();
  mtu: number | undefined;
  readonly #watched: ReadonlySet<string> | undefined;

  /** @param watched the only MACs and addresses that are kept; all without it */
  constructor(watched?: ReadonlySet<string>) {
    this.#watched = watched;
  }

  apply(d: ForwardingDelta): void {
    switch (d.kind) {
      case 'network':
        this.mtu = d.value?.mtu;
        return;
      case 'peer':
        return put(this.peers, d.peer, d.value && JSON.stringify(d.value));
      case 'member':
        return void (d.value ? this.members.add(d.peer) : this.members.delete(d.peer));
      case 'mac':
        return this.#isKept(d.mac) ? put(this.macs, d.mac, d.value) : undefined;
      case 'neigh':
        return this.#isKept(d.ip) ? put(this.neighs, d.ip, d.value) : undefined;
    }
  }

  #isKept(key: string): boolean {
    return this.#watched?.has(key) ?? true;
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
