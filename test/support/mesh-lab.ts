// Hosts with routers on them, and containers attached: what most tests of the whole begin with.
import assert from 'node:assert/strict';
import { launchRouter, allSeeAll, type RouterProcess } from './router-process.js';
import { eventually, ping, type Lab, type Namespace, type Pings } from './netns.js';

/**
 * Launches `names[0]` as the founder and lets the others join it; returns when all see all over vxlan.
 * @param seed the founder's address that they are given
 */
export async function joinedRouters(
  lab: Lab,
  names: readonly string[],
  seed: 'v4' | 'v6' = 'v4',
): Promise<readonly RouterProcess[]> {
  const [first, ...rest] = names.map((name) => lab.host(name));
  const founder = await launchRouter(lab, first!);
  const joined = await Promise.all(rest.map((host) => launchRouter(lab, host, first![seed])));
  const all = [founder, ...joined];
  await allSeeAll(all, 60_000);
  await Promise.all(all.map((router) => pathsUp(router, all.length - 1)));
  return all;
}

/** Waits until `count` connections are carried by vxlan. */
export function pathsUp(router: RouterProcess, count: number, withinMs = 30_000): Promise<true> {
  return eventually(`${router.host.name} has ${count} vxlan paths`, withinMs, async () => {
    const { connections } = await router.status();
    return connections.filter((c) => c.overlay === 'vxlan').length >= count ? true : undefined;
  });
}

/** Waits for the TAPs of the sleeve, a few seconds after the launch: the last links that a router makes by itself. */
export async function sleevesUp(...routers: readonly RouterProcess[]): Promise<void> {
  for (const { host } of routers)
    await eventually(`${host.name} has its sleeve`, 30_000, async () => {
      const { stdout } = await host.netns.run('ip', '-br', 'link', 'show', 'master', 'mb-mesh', 'up');
      return stdout.includes('ms-mesh') ? true : undefined;
    });
}

/** A container on the router's host, attached with these addresses. */
export async function attached(
  lab: Lab,
  router: RouterProcess,
  name: string,
  ...cidrs: readonly string[]
): Promise<Namespace> {
  const container = lab.container(name);
  await router.must('attach', container.name, ...cidrs.flatMap((c) => ['--ip', c]));
  return container;
}

/** Pings all the while; `stop` ends it. Losing one is what most of these tests are about. */
export class PingStream {
  readonly #result: Promise<Pings>;
  readonly #from: Namespace;
  readonly #address: string;

  /** @param count after which it ends by itself */
  constructor(from: Namespace, address: string, intervalMs: number, count: number) {
    this.#from = from;
    this.#address = address;
    this.#result = ping(from, address, count, intervalMs);
  }

  /** @throws AssertionError if one was lost */
  async lostNone(): Promise<void> {
    const { sent, received } = await this.#result;
    assert.equal(
      received,
      sent,
      `${sent - received} of ${sent} pings from ${this.#from.name} to ${this.#address} were lost`,
    );
  }

  async result(): Promise<Pings> {
    return this.#result;
  }
}
