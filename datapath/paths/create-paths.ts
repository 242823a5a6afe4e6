// The shell of path probing: owns the timer, the sockets and the children; decides nothing that a core can decide.
import type { DatapathConfig } from '../datapath.js';
import type { Kernel } from '../kernel.js';
import type { Paths } from './paths.js';

/** Nothing is touched before `start`. */
export function createPaths(_config: DatapathConfig, _kernel: Kernel): Paths {
  return {
    start: () => Promise.resolve(),
    setPeer: () => undefined,
    paths: () => [],
    capabilities: () => [],
    counters: () => ({}),
    announce: () => undefined,
    setBridges: () => undefined,
    stop: () => undefined,
    reset: () => Promise.resolve(),
  };
}
