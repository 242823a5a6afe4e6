// Which faults a run brings, and when: a function of the seed, the length and the number of routers, and of nothing else.
import { Deck, Dice } from './dice.js';
import { hostOf, TABLE_FAULTS, type Fault, type TableFault, type Trouble } from './fault.js';

type Kind = Fault['kind'];

/** How many of the cards are of each kind, and how long it lasts, ms. Half a mesh cut off hides what else goes wrong: seldom. */
const KINDS: Readonly<Record<Kind, { readonly cards: number; readonly forMs: readonly [number, number] }>> = {
  kill: { cards: 9, forMs: [500, 8_000] },
  freeze: { cards: 9, forMs: [500, 10_000] },
  cut: { cards: 6, forMs: [1_000, 15_000] },
  oneWay: { cards: 4, forMs: [1_000, 15_000] },
  halves: { cards: 1, forMs: [3_000, 15_000] },
  loss: { cards: 4, forMs: [3_000, 15_000] },
  tables: { cards: 6, forMs: [0, 1] },
  disk: { cards: 2, forMs: [5_000, 20_000] },
};
/** Between two faults, on average, ms. */
const GAP_MS = 1_500;
/** In a large mesh, for each router: one that comes back costs each other a tenth of a second of processor, and itself one. */
const GAP_PER_ROUTER_MS = 75;
/** After the last fault, at least, ms. */
const END_GAP_MS = 1_000;
/** Between two of a kind that exclude each other: the first has to be over, the router to be back. */
const REST_MS = 5_000;
const LOSS_PERCENT = [5, 21] as const;
/** So many of the routers may be killed or frozen at a time. */
const DOWN_SHARE = 1 / 3;
const TRIES = 8;

/** @param seconds length of the run: all faults are over by then. @returns in order of `atMs` */
export function planFaults(seed: number, seconds: number, routers: number): readonly Fault[] {
  const dice = new Dice(seed);
  const kinds = new Deck(
    (Object.keys(KINDS) as Kind[]).flatMap((kind) => Array.from({ length: KINDS[kind].cards }, () => kind)),
    dice,
  );
  const tables = new Deck(Object.keys(TABLE_FAULTS) as TableFault[], dice);
  const gapMs = Math.max(GAP_MS, GAP_PER_ROUTER_MS * routers);
  const endMs = seconds * 1000;
  const plan: Fault[] = [];
  for (let atMs = 500; ;) {
    atMs += Math.round(-Math.log(1 - dice.roll()) * gapMs);
    if (atMs > endMs - END_GAP_MS) return plan;
    const fault = draw(kinds.deal(), { atMs, endMs, routers, dice, tables, plan });
    if (fault !== undefined) plan.push(fault);
  }
}

interface Drawing {
  readonly atMs: number;
  readonly endMs: number;
  readonly routers: number;
  readonly dice: Dice;
  readonly tables: Deck<TableFault>;
  readonly plan: readonly Fault[];
}

/** @returns undefined if it would meet others that exclude it, wherever it was tried */
function draw(kind: Kind, d: Drawing): Fault | undefined {
  const [least, most] = KINDS[kind].forMs;
  const forMs = Math.min(d.dice.between(least, most), d.endMs - d.atMs);
  for (let i = 0; i < TRIES; i++) {
    const fault: Fault = { ...trouble(kind, d), atMs: d.atMs, forMs };
    if (isAllowed(fault, d)) return fault;
  }
  return undefined;
}

function trouble(kind: Kind, { routers, dice, tables }: Drawing): Trouble {
  const host = dice.between(0, routers);
  const other = (host + dice.between(1, routers)) % routers;
  switch (kind) {
    case 'kill':
    case 'freeze':
    case 'disk':
      return { kind, host };
    case 'loss':
      return { kind, host, percent: dice.between(...LOSS_PERCENT) };
    case 'cut':
    case 'oneWay':
      return { kind, from: host, to: other };
    case 'halves': {
      const all = dice.shuffled(Array.from({ length: routers }, (_, i) => i));
      return { kind, side: all.slice(0, Math.ceil(routers / 2)).sort((a, b) => a - b) };
    }
    case 'tables':
      return { kind, host, what: tables.deal() };
  }
}

/** Whether what is in force meanwhile leaves room for it. */
function isAllowed(fault: Fault, { plan, atMs, routers }: Drawing): boolean {
  const busy = plan.filter((f) => f.atMs + f.forMs + REST_MS > atMs);
  const sameHost = busy.filter((f) => hostOf(f) !== undefined && hostOf(f) === hostOf(fault));
  const isDown = (f: Fault): boolean => f.kind === 'kill' || f.kind === 'freeze';
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return !sameHost.some(isDown) && busy.filter(isDown).length < Math.max(1, routers * DOWN_SHARE);
    case 'halves':
      return !busy.some((f) => f.kind === 'halves');
    case 'disk':
    case 'loss':
    case 'tables':
      return !sameHost.some((f) => f.kind === fault.kind);
    case 'cut':
    case 'oneWay':
      return true;
  }
}
