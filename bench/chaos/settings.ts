// What `make chaos` may be asked for.

export interface Settings {
  /** How long faults come. */
  readonly seconds: number;
  readonly seed: number;
  readonly routers: number;
  readonly overlay: 'auto' | 'vxlan';
}

const DEFAULTS = { seconds: '60', seed: '1', routers: '10', overlay: 'auto' };
/** A cable for each on one switch: 10.99.0.0/24. */
const MAX_ROUTERS = 200;
const MAX_SECONDS = 86_400;
const OVERLAYS = ['auto', 'vxlan'] as const;

/** @param argv `--name value`; an empty value stands for the default. @returns a sentence when something is wrong with them */
export function parseSettings(argv: readonly string[]): Settings | string {
  const given: Record<string, string> = { ...DEFAULTS };
  for (let i = 0; i < argv.length; i += 2) {
    const name = argv[i]!.replace(/^--/, '');
    if (!Object.hasOwn(DEFAULTS, name)) return `there is no "${argv[i]}", only SECONDS, SEED, ROUTERS and OVERLAY`;
    const value = argv[i + 1] ?? '';
    if (value !== '') given[name] = value;
  }
  const overlay = OVERLAYS.find((one) => one === given['overlay']);
  if (overlay === undefined) return `OVERLAY is "${given['overlay']}", and not auto or vxlan`;
  const seconds = whole('SECONDS', given['seconds']!, 5, MAX_SECONDS);
  const seed = whole('SEED', given['seed']!, 0, 2 ** 32 - 1);
  const routers = whole('ROUTERS', given['routers']!, 3, MAX_ROUTERS);
  if (typeof seconds === 'string') return seconds;
  if (typeof seed === 'string') return seed;
  if (typeof routers === 'string') return routers;
  return { seconds, seed, routers, overlay };
}

function whole(name: string, text: string, least: number, most: number): number | string {
  const n = Number(text);
  if (/^\d+$/.test(text) && n >= least && n <= most) return n;
  return `${name} is "${text}", and not a whole number from ${least} to ${most}`;
}
