// One router's core without any shell: what happens to it is handed to it, and what it wants done is looked at.
import { openStore } from '../../router/open-store.js';
import { RouterCore } from '../../router/router.js';
import type { RouterEffect, RouterEvent } from '../../router/router-events.js';
import type { Trust } from '../../router/trust/trust.js';
import type { Ip, Millis, NetworkName, Vni } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import type { Signatures } from '../../router/gossip/signatures.js';

export class LoneCore {
  readonly core: RouterCore;
  now = 0;

  /** @param publicKey its identity's, as `trust` and `signatures` have it */
  constructor(publicKey: Uint8Array, trust: Trust, signatures: Signatures) {
    const self = peerIdOf(publicKey);
    this.core = new RouterCore(
      {
        self,
        trust,
        name: 'lone',
        incarnation: 1,
        port: 6783,
        vxlanPort: 6785,
        softwareVersion: '0.1.0',
        launch: new Uint8Array(16).fill(1),
        addresses: [{ ip: '10.0.0.1' as Ip, port: 6783 }],
        random: () => 0.5,
        ...openStore({ self, incarnation: 1, signatures }, undefined),
        remotes: new Map(),
        network: { name: 'mesh' as NetworkName, definition: { vni: 6785 as Vni, mtu: 1376 } },
        founds: true,
      },
      0 as Millis,
    );
    this.do({ kind: 'started' });
  }

  do(ev: RouterEvent): readonly RouterEffect[] {
    return this.core.handle(ev, this.now as Millis);
  }

  /** Time passes, with a tick whenever one is due. */
  wait(ms: number): readonly RouterEffect[] {
    const until = this.now + ms;
    const all: RouterEffect[] = [];
    for (let at = this.core.nextDeadline(); at !== undefined && at <= until; at = this.core.nextDeadline()) {
      this.now = Math.max(this.now + 1, at);
      all.push(...this.do({ kind: 'tick' }));
    }
    this.now = Math.max(this.now, until);
    return all;
  }
}
