import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * How far the heap may grow over what is in use before it is collected, in percent. Left alone V8 lets it come to several
 * times that, and a router at rest does not collect it afterwards: 100,000 endpoints of a peer cost 371 MB, not 234.
 */
const HEAP_GROWTH_PERCENT = 20;

/**
 * How far the space of young objects grows, both halves of it, bytes. V8 doubles it up to 32 MiB, and gives nothing back before it
 * finds the process idle, which a router among a thousand others never is. Kept at its first size it made 100,000 endpoints of
 * a peer cost half as much processor again; at 16 MiB as much as at 32.
 */
const YOUNG_BYTES = 16 * 2 ** 20;

/** For the whole process. Before anything is learnt: what the heap has grown to it keeps. */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  new PerformanceObserver(boundYoung).observe({ entryTypes: ['gc'] });
}

/** The factor is the one flag about the young that V8 heeds after the start. */
function boundYoung(): void {
  const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  setFlagsFromString(`--semi-space-growth-factor=${(young?.space_size ?? 0) < YOUNG_BYTES ? 2 : 1}`);
}
