// fast-check with another idea of how often to try. A property that is slow stops at the time limit, and that is no failure.
import fc from 'fast-check';

export * from 'fast-check';

const RUNS = Number(process.env.MESH_FUZZ ?? 1_000_000);
const LIMIT_MS = Number(process.env.MESH_FUZZ_SECONDS ?? 60) * 1000;

const assertMany: typeof fc.assert = (property, parameters) =>
  fc.assert(property, {
    ...parameters,
    numRuns: RUNS,
    interruptAfterTimeLimit: LIMIT_MS,
  } as typeof parameters) as never;

const manyRuns = { ...fc, assert: assertMany };
export { manyRuns as default };
