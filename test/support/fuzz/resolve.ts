// A module hook: whoever imports `fast-check` gets `many-runs.js` in its place, which itself gets the real one.
import type { ResolveHook } from 'node:module';

const MANY_RUNS = new URL('./many-runs.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === 'fast-check' && context.parentURL !== MANY_RUNS
    ? { url: MANY_RUNS, shortCircuit: true }
    : next(specifier, context);
