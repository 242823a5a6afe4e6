// Random lives of small meshes: attaches, detaches, moves, cuts, crashes, restarts, losses. Once it is quiet, every table is
// the truth. A failure names its seed; `SEED=n` runs that one alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../support/virtual-time.js';
import { World } from './world.js';

const SEEDS = process.env.SEED === undefined ? Array.from({ length: 25 }, (_, i) => i + 1) : [Number(process.env.SEED)];
const HOSTS = ['h0', 'h1', 'h2', 'h3', 'h4'];
const ADDRESSES = ['10.32.0.1', '10.32.0.2', '10.32.0.3', '10.32.0.4', '10.32.0.5', '10.32.0.6'];
const STEPS = 60;

/** What the operators believe they did: which host has which address, by which MAC, in the order of their doing. */
class Life {
  readonly mesh: World;
  readonly #random: () => number;
  /** host → address → MAC */
  readonly held = new Map<string, Map<string, string>>(HOSTS.map((h) => [h, new Map()]));
  readonly #down = new Map<string, Uint8Array>();
  /** Each host's cache as it was a few steps ago. */
  readonly #saved = new Map<string, Uint8Array>();
  readonly script: string[] = [];
  #macs = 0;

  constructor(seed: number) {
    this.mesh = new World(seed);
    this.#random = seededRandom(seed * 7919);
    this.mesh.start('h0');
    for (const h of HOSTS.slice(1)) this.mesh.start(h, ['h0']);
    this.mesh.run(3_000);
  }

  step(): void {
    const host = this.#pick(HOSTS);
    if (this.#random() < 0.3 && !this.#down.has(host))
      this.#saved.set(host, this.mesh.host(host).router.core.options.store.save());
    const roll = this.#random();
    if (roll < 0.3) this.#attach(host);
    else if (roll < 0.45) this.#detach(host);
    else if (roll < 0.55) this.#say('partition', () => this.#partition());
    else if (roll < 0.7) this.#say('heal', () => this.mesh.heal());
    else if (roll < 0.8) this.#kill(host);
    else if (roll < 0.95) this.#restart(host);
    else this.#say('lose', () => this.mesh.lose(this.#pick([0, 0.05, 0.3])));
    this.mesh.run(Math.floor(this.#random() ** 3 * 12_000));
  }

  /** All back, all healed, and time to tell one another. */
  settle(): void {
    this.mesh.heal();
    this.mesh.lose(0);
    for (const host of [...this.#down.keys()]) this.#restart(host);
    this.mesh.run(60_000);
  }

  #attach(host: string): void {
    const ip = this.#pick(ADDRESSES);
    if (this.#down.has(host) || this.held.get(host)!.has(ip)) return;
    const mac = `02:00:00:00:00:${(++this.#macs).toString(16).padStart(2, '0')}`;
    this.#say(`attach ${host} ${ip} ${mac}`, () => {
      this.held.get(host)!.set(ip, mac);
      this.mesh.attach(host, ip, mac);
    });
  }

  #detach(host: string): void {
    const ip = [...this.held.get(host)!.keys()][0];
    if (this.#down.has(host) || ip === undefined) return;
    this.#say(`detach ${host} ${ip}`, () => {
      this.held.get(host)!.delete(ip);
      this.mesh.detach(host, ip);
    });
  }

  #partition(): void {
    const side = HOSTS.filter(() => this.#random() < 0.5);
    this.mesh.partition(
      side,
      HOSTS.filter((h) => !side.includes(h)),
    );
  }

  #kill(host: string): void {
    if (this.#down.has(host) || this.#down.size >= 3) return;
    const isStale = this.#random() < 0.4; // the last writes of its cache were lost
    this.#say(`kill ${host}${isStale ? ' and lose a write' : ''}`, () => {
      const disk = this.mesh.kill(host);
      this.#down.set(host, isStale ? (this.#saved.get(host) ?? disk) : disk);
    });
  }

  #restart(host: string): void {
    const disk = this.#down.get(host);
    if (disk === undefined) return;
    this.#say(`restart ${host}`, () => {
      this.#down.delete(host);
      const back = this.mesh.launch(host, { disk, founds: false });
      for (const [ip, mac] of this.held.get(host)!) this.mesh.attachAgain(host, ip, mac);
      back.router.start(() => back.router.core.options.addresses);
      for (const other of HOSTS) if (other !== host) this.mesh.connect(host, other);
    });
  }

  #say(line: string, act: () => void): void {
    this.script.push(`${this.mesh.time.now()} ${line}`);
    act();
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!;
  }
}

function check(life: Life): void {
  const { mesh, held } = life;
  assert.ok(mesh.allSeeAll(), 'all see all');
  const digests = new Set(mesh.running().map((h) => Buffer.from(h.router.core.options.store.digest()).toString('hex')));
  assert.equal(digests.size, 1, 'all hold the same records');
  for (const ip of ADDRESSES) {
    const holders = HOSTS.filter((h) => held.get(h)!.has(ip));
    const macs = new Set(holders.map((h) => held.get(h)!.get(ip)));
    const seen = new Set(mesh.running().map((h) => h.table.neighs.get(ip)));
    assert.equal(seen.size, 1, `${ip}: all agree`);
    const [mac] = seen;
    if (holders.length === 0) assert.equal(mac, undefined, `${ip}: nobody has it`);
    else assert.ok(macs.has(mac), `${ip}: one of its holders owns it`);
  }
  for (const host of mesh.running()) {
    for (const [mac, peer] of host.table.macs) {
      const owner = mesh.nameOf(peer);
      assert.ok([...held.get(owner)!.values()].includes(mac), `${host.name}: ${mac} is at ${owner}`);
      assert.notEqual(owner, host.name, 'what is local is nobody else`s');
    }
    for (const other of mesh.running().filter((o) => o !== host))
      assert.equal(
        host.table.members.has(other.id),
        held.get(other.name)!.size > 0,
        `${host.name}: member ${other.name}`,
      );
  }
}

for (const seed of SEEDS) {
  test(`whatever happens to five hosts, they end in agreement with the truth (seed ${seed})`, () => {
    const life = new Life(seed);
    try {
      for (let i = 0; i < STEPS; i++) life.step();
      life.settle();
      check(life);
    } catch (e) {
      throw new Error(`SEED=${seed}: ${(e as Error).message}\n${life.script.join('\n')}`, { cause: e });
    } finally {
      life.mesh.close();
    }
  });
}
