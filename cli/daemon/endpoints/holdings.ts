// The addresses that this host has given out. No two endpoints of one host share one, nor does one with the host itself.
import { cidrIp } from '../../../router/address.js';
import type { EndpointId } from '../../../router/types.js';
import { Refused } from '../control.js';
import type { Announced } from './announcer.js';

/** Who it is, in a sentence (`/run/netns/web on this host`), and how its addresses are freed. */
export type Label = () => { readonly who: string; readonly remedy: string };

interface Holder {
  readonly id: EndpointId;
  readonly label: Label;
  readonly keys: readonly string[];
}

export class Holdings {
  readonly #byKey = new Map<string, Holder>();
  readonly #byId = new Map<EndpointId, Holder>();

  /** All of them or none; in place of what the id held before. @throws Refused with the holder's label */
  take(a: Announced, label: Label): void {
    const what = [a.mac, ...a.ips.map(cidrIp)];
    for (const address of what) {
      const holder = this.#byKey.get(`${a.network} ${address}`);
      if (holder === undefined || holder.id === a.id) continue;
      const { who, remedy } = holder.label();
      throw new Refused(`${address} is in use by ${who}`, remedy);
    }
    this.drop(a.id);
    const holder = { id: a.id, label, keys: what.map((address) => `${a.network} ${address}`) };
    this.#byId.set(a.id, holder);
    for (const key of holder.keys) this.#byKey.set(key, holder);
  }

  drop(id: EndpointId): void {
    for (const key of this.#byId.get(id)?.keys ?? []) this.#byKey.delete(key);
    this.#byId.delete(id);
  }
}
