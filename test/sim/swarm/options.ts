// What `make sim` was asked for.
export interface SimOptions {
  readonly seconds: number;
  readonly seed: number;
  /** End after so many scenarios, if that comes first. */
  readonly count: number;
  readonly jobs: number;
  /** A scenario to run in place of random ones. */
  readonly script: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const MAX_SECONDS = 7 * 24 * 3_600;
const MAX_SEED = 2 ** 32 - 1;

/** @param randomSeed for when none is given. @returns a sentence for the person who asked, if it cannot be done */
export function parseOptions(env: Env, randomSeed: number, cores: number): SimOptions | string {
  const number = (name: string, otherwise: number, most: number): number | string => {
    const text = env[name] ?? '';
    if (text === '') return otherwise;
    const least = name === 'SEED' ? 0 : 1;
    const isNumber = /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most;
    return isNumber ? Number(text) : `${name}="${text}" is not a whole number from ${least} to ${most}`;
  };
  const seconds = number('SECONDS', 60, MAX_SECONDS);
  const seed = number('SEED', randomSeed, MAX_SEED);
  const count = number('COUNT', Infinity, MAX_SEED);
  const jobs = number('JOBS', cores, 256);
  for (const one of [seconds, seed, count, jobs]) if (typeof one === 'string') return one;
  const script = env['SCRIPT'] === '' ? undefined : env['SCRIPT'];
  return { seconds, seed, count, jobs, script } as SimOptions;
}
