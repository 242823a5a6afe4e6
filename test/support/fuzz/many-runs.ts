// fast-check with another idea of how often to try. A property that is slow stops at the time limit, and that is no failure: how many
// inputs it had is printed.
import fc from 'fast-check';

export * from 'fast-check';

const RUNS = Number(process.env.MESH_FUZZ ?? 1_000_000);
const LIMIT_MS = Number(process.env.MESH_FUZZ_SECONDS ?? 60) * 1000;

/** In place of fast-check's own: it throws as that does. */
function report<T>(details: fc.RunDetails<T>, where: string, startedAt: number): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`${details.numRuns} inputs in ${seconds.toFixed(0)} s: ${where}`);
  if (details.failed) throw new Error(fc.defaultReportMessage(details) ?? 'failed', { cause: details.errorInstance });
}

/** The test file and line that asked. */
const caller = (): string =>
  /(test\/[^\s()]*\.[jt]s:\d+)/.exec(new Error().stack!.split('\n').slice(3).join())?.[1] ?? '';

const assertMany: typeof fc.assert = (property, parameters) => {
  const [where, startedAt] = [caller(), performance.now()];
  return fc.assert(property, {
    ...parameters,
    numRuns: RUNS,
    interruptAfterTimeLimit: LIMIT_MS,
    reporter: (details: fc.RunDetails<unknown>) => report(details, where, startedAt),
  } as unknown as typeof parameters) as never;
};

const manyRuns = { ...fc, assert: assertMany };
export { manyRuns as default };
