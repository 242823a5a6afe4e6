// What a mesh costs while nothing happens and while endpoints come and go, and whom it buries by mistake.
import type { ScaleMesh } from './scale-mesh.js';

/** Of one router, in the mean. */
export interface Cost {
  readonly bytesPerS: number;
  readonly messagesPerS: number;
  /** Of the router that sent most. */
  readonly loudestBytesPerS: number;
  /** Share of one core: processor time of this process, the simulated network included, by virtual time. */
  readonly cpu: number;
  /** Over which it was measured, virtual s. */
  readonly seconds: number;
}

export interface Churn extends Cost {
  /** Endpoints that went and came in a second. */
  readonly changesPerS: number;
  /** From the last change until all agree again, virtual ms; -1: not in a minute. */
  readonly settledMs: number;
}

const CHURN_SHARE = 0.01;
const [SLOW_SHARE, SLOW_MS] = [0.05, 2_000];

export function idle(mesh: ScaleMesh, seconds: number): Cost {
  return costOf(mesh, seconds, () => mesh.world.run(1_000));
}

/** Each second 1 % of the endpoints are taken from their hosts and as many come at others, evenly spread over the second. */
export function churn(mesh: ScaleMesh, seconds: number): Churn {
  const changes = Math.max(1, Math.round(mesh.endpoints.length * CHURN_SHARE));
  const cost = costOf(mesh, seconds, () => {
    for (let i = 0; i < changes; i++) {
      mesh.detach(mesh.pick(mesh.endpoints));
      mesh.attach(mesh.pick(mesh.names));
      mesh.world.run(Math.round((1_000 * (i + 1)) / changes) - Math.round((1_000 * i) / changes));
    }
  });
  return { ...cost, changesPerS: changes, settledMs: settled(mesh) };
}

/** How often some router held one that runs for faulty. */
export interface Deaths {
  readonly asTheyAre: number;
  /** With some routers that come to everything 2 s late. */
  readonly withSlow: number;
  /** Of each, so far. */
  readonly minutes: { readonly asTheyAre: number; readonly withSlow: number };
}

/** @param kinds one after the other, `minutes` of each. @param soFar is told after each minute */
export function falseDeaths(
  mesh: ScaleMesh,
  kinds: readonly ('asTheyAre' | 'withSlow')[],
  minutes: number,
  soFar: (deaths: Deaths) => void,
): Deaths {
  const names = [...mesh.names];
  const late = Array.from({ length: Math.ceil(names.length * SLOW_SHARE) }, () => mesh.pick(names));
  let deaths: Deaths = { asTheyAre: 0, withSlow: 0, minutes: { asTheyAre: 0, withSlow: 0 } };
  mesh.logged('');
  for (const kind of kinds) {
    for (const name of late) mesh.world.slow(name, kind === 'withSlow' ? SLOW_MS : 0);
    for (let minute = 1; minute <= minutes; minute++) {
      mesh.world.run(60_000);
      const counted = deaths[kind] + mesh.logged('peer-faulty');
      deaths = { ...deaths, [kind]: counted, minutes: { ...deaths.minutes, [kind]: minute } };
      soFar(deaths);
    }
  }
  for (const name of late) mesh.world.slow(name, 0);
  return deaths;
}

/** Of live objects and buffers, bytes per router. Needs --expose-gc. */
export function heapPerRouter(mesh: ScaleMesh, baselineBytes: number): number {
  return Math.round((heapBytes() - baselineBytes) / mesh.names.length);
}

export function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** @param second lets one virtual second pass */
function costOf(mesh: ScaleMesh, seconds: number, second: () => void): Cost {
  mesh.meter.reset();
  const before = process.cpuUsage();
  for (let s = 0; s < seconds; s++) second();
  const { user, system } = process.cpuUsage(before);
  const { bytes, messages } = mesh.meter.total();
  const routerSeconds = mesh.names.length * seconds;
  return {
    bytesPerS: bytes / routerSeconds,
    messagesPerS: messages / routerSeconds,
    loudestBytesPerS: mesh.meter.loudest() / seconds,
    cpu: (user + system) / 1e6 / routerSeconds,
    seconds,
  };
}

function settled(mesh: ScaleMesh): number {
  try {
    return mesh.untilAgreed(60_000);
  } catch {
    return -1;
  }
}
