// What happens to a mesh, as plain JSON that a person can read, shorten and run again.

import type { LinkSpec } from '../network/link.js';
import type { Disturbance } from '../world/disturb.js';

export type HostName = string;

/**
 * A step that cannot be (a crash of what does not run, a detach of what is not attached) is nothing: so any step may be
 * left out and what remains is a scenario.
 *  - `join`: the first launch. `founds`: without peers to dial, so it founds a mesh.
 *  - `stop`: goodbye, its kernel goes on. `leave`: goodbye for good. `crash`: kill -9. `powerOff`: its streams do not even break.
 *  - `save`: a backup, which a later restart may find as its `old` disk.
 *  - `cut`: what `from` sends does not reach `to`, until `mend`. `partition`: only these sides reach each other, until `heal`.
 *  - `wires`: how all links are; `wire`: one of them, in one direction, until `rewire` or `wires`.
 *  - `nat`: behind a NAT, or another one, which ends what it had open; until `unNat`.
 *  - `slow`: comes to everything so much later. `freeze`: stands still for so long. `clock`: its clock jumps ahead.
 *  - `disturb`: another tool meddles with its kernel, if it has one.
 *  - `forget`: the operator at `host` says that `peer`, which does not run, will not come back.
 *  - `evict`: the operator at `host` puts `peer` out of the mesh for good.
 *  - `forge`: `host` lies to all its neighbours about what `about` says.
 */
export type Action =
  | { readonly kind: 'join'; readonly host: HostName; readonly dial: readonly HostName[]; readonly founds: boolean }
  | { readonly kind: 'connect'; readonly host: HostName; readonly to: HostName }
  | Each<'stop' | 'leave' | 'crash' | 'powerOff' | 'save' | 'nat' | 'unNat', { readonly host: HostName }>
  | Each<'slow' | 'freeze' | 'clock', { readonly host: HostName; readonly ms: number }>
  | { readonly kind: 'disturb'; readonly host: HostName; readonly how: Disturbance }
  | { readonly kind: 'restart'; readonly host: HostName; readonly disk: Disk }
  | { readonly kind: 'forget'; readonly host: HostName; readonly peer: HostName }
  | { readonly kind: 'evict'; readonly host: HostName; readonly peer: HostName }
  | { readonly kind: 'forge'; readonly host: HostName; readonly about: HostName; readonly how: Forgery }
  | { readonly kind: 'attach'; readonly host: HostName; readonly id: string; readonly ip: string; readonly mac: string }
  | { readonly kind: 'detach'; readonly host: HostName; readonly id: string }
  | { readonly kind: 'partition'; readonly sides: readonly (readonly HostName[])[] }
  | { readonly kind: 'heal' }
  | Each<'cut' | 'mend' | 'rewire', { readonly from: HostName; readonly to: HostName }>
  | { readonly kind: 'wires'; readonly spec: Partial<LinkSpec> }
  | { readonly kind: 'wire'; readonly from: HostName; readonly to: HostName; readonly spec: Partial<LinkSpec> }
  | Each<'session' | 'relay', { readonly host: HostName; readonly to: HostName; readonly wanted: boolean }>;

/** One member of the union for each kind. */
type Each<K extends string, Fields> = K extends string ? { readonly kind: K } & Fields : never;

/** `old`: set back to a backup, or by some writes; `none`: another one, so it is another peer; `uncached`: no record cache. */
export type Disk = 'kept' | 'old' | 'none' | 'uncached';
export type Kind = Action['kind'];

/**
 *  - `altered`: another's newest block withdraws all that it said. `erased`, `extended`: a block in another's name that the forger signed.
 *  - `old`: all blocks of another that the forger had whenever it forged. `usurped`: another's addresses, in the forger's own name.
 *  - `renamed`: the forger says that it is called as the other is.
 */
export const FORGERIES = ['altered', 'erased', 'extended', 'old', 'usurped', 'renamed'] as const;
export type Forgery = (typeof FORGERIES)[number];

/** `at`: virtual ms since the beginning; ascending. */
export type Step = Action & { readonly at: number };

export interface Scenario {
  /** Of the chance in the routers and on the wire. */
  readonly seed: number;
  /** Have the hosts a sleeve, which wants sessions and ways over relays? */
  readonly sleeve: boolean;
  /** Are caches written late, so that a crash costs the last of them? */
  readonly slowDisks: boolean;
  /** Have the hosts kernels, which refuse an operation or lose news of a change now and then? */
  readonly kernels?: boolean;
  /** @see RouterOptions.fullMesh */
  readonly fullMesh?: number;
  /** When the trouble ends: all that is cut is mended, and from then on it is quiet. Who is behind a NAT stays there. */
  readonly endsAt: number;
  readonly steps: readonly Step[];
}

/** Those that a step speaks of. */
export function hostsOf(step: Step): readonly HostName[] {
  switch (step.kind) {
    case 'join':
      return [step.host, ...step.dial];
    case 'connect':
    case 'session':
    case 'relay':
      return [step.host, step.to];
    case 'forget':
    case 'evict':
      return [step.host, step.peer];
    case 'forge':
      return [step.host, step.about];
    case 'cut':
    case 'mend':
    case 'wire':
    case 'rewire':
      return [step.from, step.to];
    case 'partition':
      return step.sides.flat();
    case 'heal':
    case 'wires':
      return [];
    case 'attach':
    case 'detach':
    case 'crash':
    case 'powerOff':
    case 'slow':
    case 'freeze':
    case 'clock':
    case 'disturb':
    case 'stop':
    case 'leave':
    case 'save':
    case 'nat':
    case 'unNat':
    case 'restart':
      return [step.host];
  }
}

/** One step a line. */
export function formatScenario(s: Scenario): string {
  const { steps, ...head } = s;
  const lines = steps.map((step) => `  ${JSON.stringify(step)}`);
  return `${JSON.stringify(head).slice(0, -1)},"steps":[\n${lines.join(',\n')}\n]}`;
}

/** @returns why it is none, in a few words */
export function parseScenario(text: string): Scenario | string {
  let s: Partial<Scenario>;
  try {
    s = JSON.parse(text) as Partial<Scenario>;
  } catch (e) {
    return (e as Error).message;
  }
  if (typeof s.seed !== 'number' || typeof s.endsAt !== 'number' || !Array.isArray(s.steps))
    return 'it lacks "seed", "endsAt" or "steps"';
  const steps = s.steps as readonly Partial<Step>[];
  const wrong = steps.findIndex((step) => typeof step.at !== 'number' || typeof step.kind !== 'string');
  return wrong < 0 ? (s as Scenario) : `step ${wrong + 1} lacks "at" or "kind"`;
}
