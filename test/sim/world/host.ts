// A host of a world: the machine, which outlives its routers, and the router that runs on it now.
import { createHash } from 'node:crypto';
import type { Random } from '../../../router/core.js';
import type { Signatures } from '../../../router/gossip/signatures.js';
import { MAX_INCARNATION } from '../../../router/runtime/identity.js';
import { openStore } from '../../../router/open-store.js';
import { Router, type RouterHooks } from '../../../router/runtime/router-shell.js';
import type { SessionFx } from '../../../router/session/side.js';
import type { Trust } from '../../../router/trust/trust.js';
import { createSwimMembership } from '../../../router/swim/swim-membership.js';
import type { Secrets } from '../../../router/trust/secrets.js';
import type { Ip, PeerId, Vni } from '../../../router/types.js';
import { peerIdOf } from '../../../router/wire/peer-id.js';
import { cheapTrust } from '../../support/cheap-trust.js';
import type { FakeNetwork } from '../../support/fake-network.js';
import type { FakeUnderlay } from '../../support/fake-underlay.js';
import { RelayTable } from '../../support/relay-lab.js';
import type { VirtualTime } from '../../support/virtual-time.js';
import { KernelLoop, type KernelFaults } from './kernel-loop.js';
import type { Machine } from './machines.js';
import { Process } from './process.js';
import type { SharedBlocks } from './shared-blocks.js';
import type { SharedSignatures } from './signatures.js';
import { NETWORK, Table } from './table.js';
import type { Trace } from './trace.js';

export interface HostOptions {
  readonly mtu?: number;
  readonly founds?: boolean;
  /** Launch with this record cache, or without one, whatever is on its disk. */
  readonly disk?: Uint8Array | undefined;
  /** Has it a sleeve, which may want sessions and ways over relays? */
  readonly sleeve?: boolean;
  /** Left out: the cheap one. @param seed another one for each launch */
  readonly trust?: (publicKey: Uint8Array, seed: string) => Trust;
  /** @see RouterOptions.fullMesh */
  readonly fullMesh?: number;
  /** What it is given at its first launch; later ones are as they are on its disk. Undefined: an open mesh. */
  readonly secrets?: Secrets;
}

/** What all hosts of a world share. */
export interface Ground {
  readonly time: VirtualTime;
  readonly underlay: FakeUnderlay;
  readonly trace: Trace | undefined;
  readonly random: Random;
  /** Apart from the routers' own: what a kernel draws changes nothing of what they draw. */
  readonly chance: Random;
  readonly nameOf: (id: PeerId) => string;
  readonly kernelFaults: KernelFaults;
  readonly blocks: SharedBlocks;
  readonly signatures: SharedSignatures;
  readonly watched: ReadonlySet<string> | undefined;
}

const PORT = 6783;

export class WorldHost {
  readonly machine: Machine;
  readonly id: PeerId;
  readonly options: HostOptions;
  readonly process: Process;
  readonly signatures: Signatures;
  readonly router: Router;
  /** What its datapath was told. */
  readonly table: Table;
  /** One line for each event: what it is, and the peer's name. */
  readonly log: string[] = [];
  /** What its sleeve was told since the launch, in order. */
  readonly sessions: SessionFx[] = [];
  /** The labels and ways that its sleeve has. */
  readonly relays = new RelayTable();
  /** Brings the table to the kernel; only in a world with kernels. */
  readonly loop: KernelLoop | undefined;
  settled = false;
  readonly #ground: Ground;
  #network: FakeNetwork | undefined;

  /** @param launch counts the launches of a world: no two are alike */
  constructor(machine: Machine, options: HostOptions, ground: Ground, launch: number) {
    this.machine = machine;
    const { disk: _, ...kept } = options; // of a thousand hosts the caches would be most of what there is
    this.options = kept;
    this.table = new Table(ground.watched);
    this.process = new Process(ground.time);
    this.#ground = ground;
    const publicKey = keyOf(machine);
    this.id = peerIdOf(publicKey);
    this.signatures = ground.signatures.of(publicKey, seedOf(machine));
    this.incarnation = Math.min(this.incarnation + 1, MAX_INCARNATION);
    const { ip, kernel } = machine;
    const { kernelFaults, chance } = ground;
    this.loop = kernel && new KernelLoop({ id: this.id, ip }, kernel, this.process, kernelFaults, chance);
    this.router = this.#makeRouter(publicKey, launch, 'disk' in options ? options.disk : machine.disk.content.cache);
    if (options.sleeve === true) this.router.dispatch({ kind: 'sessions', aes: true });
    void this.router.network.listen();
    const { contacts, ledger, options: made } = this.router.core;
    const source = {
      cache: () => made.store.save(),
      targets: () => ({ targets: contacts.dialer.targets().map((t) => t.text), remotes: ledger.book.remotes() }),
    };
    machine.disk.mount(source, (ms, run) => void this.process.after(ms, run));
  }

  get name(): string {
    return this.machine.name;
  }

  get ip(): Ip {
    return this.machine.ip;
  }

  /** As it is on disk. A test may set it back, as a backup does. */
  get incarnation(): number {
    return this.machine.disk.content.incarnation;
  }

  set incarnation(incarnation: number) {
    this.machine.disk.write({ incarnation });
  }

  /** Stands still for so long, as by SIGSTOP: its kernel takes in what there is room for, and answers for it. */
  freeze(ms: number): void {
    this.process.freeze(ms);
    this.#network!.setDeaf(true);
    this.#ground.time.after(ms, () => {
      if (!this.process.isFrozen) this.#network!.setDeaf(false);
    });
  }

  /** kill -9: its streams break, nothing is said. */
  abandon(): void {
    this.machine.disk.crash();
    this.process.end();
    this.loop?.end();
    this.router.abandon();
  }

  /** The power fails: nobody hears of it. */
  vanish(): void {
    this.#network!.vanish();
    this.abandon();
  }

  #makeRouter(publicKey: Uint8Array, launch: number, cache: Uint8Array | undefined): Router {
    const { options, id, incarnation, process } = this;
    const { underlay, random, trace, blocks } = this.#ground;
    const { signatures } = this;
    const { content } = this.machine.disk;
    const secrets = content.secrets ?? options.secrets;
    const salt = Math.floor(random() * 2 ** 30);
    const { store, claims } = openStore({ self: id, incarnation, salt, keep: blocks.keep, signatures }, cache);
    return new Router(
      {
        self: id,
        trust: (options.trust ?? cheapTrust)(publicKey, `${this.name} ${launch}`),
        name: this.name,
        incarnation,
        port: PORT,
        vxlanPort: PORT + 2,
        softwareVersion: '0.1.0',
        launch: Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? launch : i === 14 ? launch >> 8 : 0)),
        addresses: [{ ip: this.ip, port: PORT }],
        random,
        store,
        claims,
        remotes: content.remotes,
        network: { name: NETWORK, definition: { vni: 6785 as Vni, mtu: options.mtu ?? 1376 } },
        founds: options.founds ?? false,
        ...(secrets && { secrets }),
        ...(options.fullMesh !== undefined && { fullMesh: options.fullMesh }),
      },
      {
        network: (sink) => {
          this.#network = underlay.host([this.ip], PORT, (ev) =>
            process.hand(
              () => {
                trace?.network(this.name, ev);
                sink(ev);
              },
              ev.kind === 'datagram' ? ev.bytes.length : 0,
            ),
          );
          return this.#network;
        },
        membership: (hooks) => createSwimMembership({ self: id, incarnation, hooks, clock: process }),
        clock: process,
        random,
        hooks: this.#hooks(),
      },
    );
  }

  #hooks(): RouterHooks {
    const { trace, nameOf } = this.#ground;
    const { disk } = this.machine;
    const say = (line: string): void => {
      this.log.push(line);
      trace?.note(this.name, line);
    };
    return {
      forward: (deltas) => {
        trace?.forward(this.name, deltas);
        for (const delta of deltas) this.table.apply(delta);
        this.loop?.apply(deltas);
      },
      settled: () => {
        this.settled = true;
        this.loop?.settled();
      },
      persist: (what) => disk.later(what),
      keepSecrets: (secrets) => disk.write({ secrets }),
      raiseIncarnation: (above) => {
        if (this.incarnation <= above) this.incarnation = Math.min(above + 1, MAX_INCARNATION);
        return this.incarnation;
      },
      claimLost: (_, key, to) => say(`claim-lost ${key} ${nameOf(to)}`),
      session: (fx) => void this.sessions.push(fx),
      relay: (fx) => this.relays.apply(fx),
      log: (event, fields) => say(`${event} ${String(fields['peer'] ?? '')}`),
    };
  }
}

/** A key for each name; a directory that was lost takes its key with it. */
const keyOf = (machine: Machine): Uint8Array => new Uint8Array(createHash('sha256').update(seedOf(machine)).digest());

function seedOf({ name, disk }: Machine): string {
  const { identity } = disk.content;
  return identity === 0 ? `peer ${name}` : `peer ${name} ${identity}`;
}
