// Who was not let in, as problems of `status`.
import type { Router } from '../../router/index.js';
import type { Problem } from '../api.js';

const REMEDIES: readonly (readonly [why: RegExp, remedy: string])[] = [
  [/same key/, 'on one of the two: mesh reset --force, then launch it anew'],
  [
    /secret|genuine/,
    'if it is one of yours: mesh secret here prints the line to type there; else close the port to it',
  ],
  [/version/, 'install the same version of mesh on both'],
];

export const strangerProblems = ({ core, now }: Router): readonly Problem[] =>
  core.strangers.shown(now).map(({ ip, reason, count }) => ({
    what: `${ip}, refused ${count === 1 ? 'once' : `${count} times`}`,
    reason,
    remedy: REMEDIES.find(([why]) => why.test(reason))?.[1] ?? '',
  }));
