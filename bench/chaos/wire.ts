// The underlay under those faults that are in force, as one nft transaction for the switch.
import { execFileSync } from 'node:child_process';
import type { Namespace } from '../../cli/demo/namespace.js';
import type { Fault } from './fault.js';

const TABLE = 'bridge chaos';

/** All of the table: what was there before goes, so the same faults give the same rules, whatever came before. */
export function ruleset(faults: readonly Fault[], routers: number): string {
  const port = (host: number): string => `"to-h${host}"`;
  const pairs = new Set(faults.flatMap((f) => cutPairs(f, routers)).map(([a, b]) => `${port(a)} . ${port(b)}`));
  const elements = pairs.size > 0 ? `elements = { ${[...pairs].sort().join(', ')} };` : '';
  const losses = faults
    .filter((f) => f.kind === 'loss')
    .map((f) => `oifname ${port(f.host)} numgen random mod 100 < ${f.percent} counter drop;`);
  return `table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  set cut { type ifname . ifname; ${elements} }
  chain wire { type filter hook forward priority 1; iifname . oifname @cut counter drop; ${losses.join(' ')} }
}`;
}

/** From which port to which nothing passes. */
function cutPairs(fault: Fault, routers: number): (readonly [number, number])[] {
  const both = (a: number, b: number): (readonly [number, number])[] => [
    [a, b],
    [b, a],
  ];
  switch (fault.kind) {
    case 'cut':
      return both(fault.from, fault.to);
    case 'oneWay':
      return [[fault.from, fault.to]];
    case 'halves': {
      const others = Array.from({ length: routers }, (_, i) => i).filter((h) => !fault.side.includes(h));
      return fault.side.flatMap((a) => others.flatMap((b) => both(a, b)));
    }
    case 'kill':
    case 'freeze':
    case 'disk':
    case 'loss':
    case 'tables':
      return [];
  }
}

/** @throws Error with nft's words */
export function setWire(wire: Namespace, faults: readonly Fault[], routers: number): void {
  execFileSync('ip', ['netns', 'exec', wire.name, 'nft', '-f', '-'], { input: ruleset(faults, routers) });
}
