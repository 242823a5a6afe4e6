// The shell of the guard: owns the timer and the turns; what the tables hold is decided elsewhere.
import type { Clock } from '../clock.js';
import type { Capability, DatapathConfig } from '../datapath.js';
import type { Nft } from '../paths/nft/traffic.js';
import type { Ip, Mac, PeerId, Vni } from '../../router/types.js';
import { FloodWatch } from './flood-watch.js';
import type { Denied, Guard, PeerSource, RemoteMacs } from './guard.js';
import type { OwnTable } from './own-table.js';
import { type Refusal } from './own-table.js';
import { PortGuard } from './port-guard.js';
import type { GuardedPort } from './port-table.js';
import { UnderlayGuard } from './underlay-guard.js';

/** A look is two system calls while nobody has changed a rule: what is flushed is back within two seconds. */
const LOOK_MS = 1_500;

/** Nothing is touched before `start`. */
export const createGuard = (config: Pick<DatapathConfig, 'vxlanPort' | 'log'>, nft: Nft, clock: Clock): Guard =>
  new NftGuard(config, nft, clock);

class NftGuard implements Guard {
  readonly #config: Pick<DatapathConfig, 'log'>;
  readonly #nft: Nft;
  readonly #clock: Clock;
  readonly #ports: PortGuard;
  readonly #underlay: UnderlayGuard;
  readonly #counters: Record<string, number> = {};
  readonly #flood = new FloodWatch();
  #running = false;
  #cancel: () => void = () => undefined;
  /** One after another. */
  #work: Promise<void> = Promise.resolve();
  /** A turn that has not begun serves all who ask for it. */
  #next: Promise<void> | undefined;

  constructor(config: Pick<DatapathConfig, 'vxlanPort' | 'log'>, nft: Nft, clock: Clock) {
    this.#config = config;
    this.#nft = nft;
    this.#clock = clock;
    this.#ports = new PortGuard(config.vxlanPort, nft, () => this.#repaired());
    this.#underlay = new UnderlayGuard(config.vxlanPort, nft, () => this.#repaired());
  }

  start(macs: RemoteMacs): void {
    this.#underlay.start(macs);
    this.#running = true;
    this.#look();
  }

  setPort(port: GuardedPort): Promise<void> {
    this.#ports.set(port);
    return this.#ensure();
  }

  dropPort(name: string): void {
    if (this.#ports.drop(name)) void this.#ensure();
  }

  setPeer(peer: PeerId, source: PeerSource | undefined): void {
    if (this.#underlay.setPeer(peer, source)) void this.#ensure();
  }

  heardAt(peer: PeerId, ip: Ip): void {
    this.#underlay.heardAt(peer, ip);
    void this.#ensure();
  }

  setMac(vni: Vni, mac: Mac, before: PeerId | undefined, after: PeerId | undefined): void {
    this.#underlay.setMac(vni, mac, before, after);
    void this.#ensure();
  }

  setVni(before: Vni | undefined, after: Vni | undefined, macs: Iterable<readonly [number, PeerId]>): void {
    this.#underlay.setVni(before, after, macs);
    void this.#ensure();
  }

  setBridges(names: readonly string[]): void {
    this.#underlay.setBridges(names);
    void this.#ensure();
  }

  denied(): ReadonlyMap<string, Denied> {
    return this.#ports.denied();
  }

  capability(): Capability {
    const refusal = this.#tables()
      .map((table) => table.refusal)
      .find((r) => r !== undefined);
    return { name: 'guard', ok: refusal === undefined, ...words(refusal) };
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, ...this.#ports.totals(), ...this.#underlay.totals() };
  }

  settled(): void {
    for (const table of this.#tables()) table.settled();
    void this.#ensure();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
    void this.#queue(() => Promise.resolve(this.#nft.kernel.close()));
  }

  async reset(): Promise<void> {
    this.stop();
    for (const table of this.#tables()) await this.#queue(() => table.remove());
    await this.#queue(() => Promise.resolve(this.#nft.kernel.close()));
  }

  #tables(): readonly OwnTable[] {
    return [this.#ports.table, this.#underlay.table];
  }

  #look(): void {
    if (!this.#running) return;
    void this.#ensure().then(() => {
      this.#watchFloods();
      this.#cancel();
      if (this.#running) this.#cancel = this.#clock.after(LOOK_MS, () => this.#look());
    });
  }

  #ensure(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    this.#next ??= this.#queue(async () => {
      this.#next = undefined;
      this.#underlay.spread();
      if (this.#ports.isNeeded && this.#running) await this.#ports.table.ensure();
      if (this.#running) await this.#underlay.table.ensure();
    });
    return this.#next;
  }

  /** Never rejects: a failure is logged, and the next work goes on. */
  #queue(work: () => Promise<void>): Promise<void> {
    const failed = (error: unknown): void => this.#config.log('guard-failed', { error: String(error) });
    this.#work = this.#work.then(work).catch(failed);
    return this.#work;
  }

  #watchFloods(): void {
    if (!this.#running) return;
    const news = this.#flood.look(this.#underlay.dropped(), this.#clock.now());
    if (news !== undefined) this.#config.log('flood', news);
  }

  #repaired(): void {
    this.#counters['guard-repaired'] = (this.#counters['guard-repaired'] ?? 0) + 1;
    this.#config.log('guard-repaired', {});
  }
}

function words(refusal: Refusal | undefined): Pick<Capability, 'reason' | 'remedy'> {
  if (refusal === undefined) return { reason: '', remedy: '' };
  const remedy = refusal.missing ? 'apt install nftables' : '';
  return { reason: `containers are not held to their addresses: ${refusal.reason}`, remedy };
}
