// Which pairs of containers ping each other now. In a small mesh all do, all the time. In a large one each has a few partners, and
// others after a while: a router probes a path that carries traffic four times a second, and thirty of them that watch over 29 such
// paths each want more than the two processors that play them all. Pure.
import { pairsOf } from './outages.js';

/** So many partners a container has at a time, about. */
const PARTNERS = 8;
export const ROTA_MS = 15_000;

/** @returns pairs, by their numbers in `pairsOf`, that ping in the given turn; turns that follow on one another have all of them */
export function rotaOf(hosts: number, turn: number): readonly number[] {
  const farthest = Math.floor(hosts / 2);
  const turns = Math.max(1, Math.round(farthest / (PARTNERS / 2)));
  return pairsOf(hosts).flatMap(([a, b], pair) => {
    const apart = Math.min(b - a, hosts - (b - a));
    return apart % turns === turn % turns ? [pair] : [];
  });
}
