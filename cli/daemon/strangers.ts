// Who was not let in, as problems of `status`.
import type { Router } from '../../router/index.js';
import type { Problem } from '../api.js';

const REMEDIES: readonly (readonly [why: RegExp, remedy: string])[] = [
  [/same key/, 'on one of the two: mesh reset --force, then launch it anew'],
  [/former secret/, 'on it: mesh connect HOST --secret SECRET, as "mesh secret --bare" tells it here'],
  [
    /secret|genuine/,
    'if it is one of yours: mesh secret here prints the line to type there; else close the port to it',
  ],
  [/version/, 'install the same version of mesh on both'],
];

/** @param joinAt by which other hosts reach this one */
export const strangerProblems = ({ core, now }: Router, joinAt: string): readonly Problem[] =>
  core.strangers.shown(now).map(({ ip, reason, count }) => ({
    what: `${ip}, refused ${count === 1 ? 'once' : `${count} times`}`,
    reason,
    remedy: REMEDIES.find(([why]) => why.test(reason))?.[1].replace('HOST', joinAt) ?? '',
  }));
