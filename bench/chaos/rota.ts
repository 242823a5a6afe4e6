// Which pairs of containers ping each other now. In a small mesh all do, all the time. In a large one each has a few partners, and
// others after a while: a router probes a path that carries traffic five times a second, and thirty of them that watch over 29 such
// paths each leave the two processors that play them all little for anything else. Pure.
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

/** Slow enough for the paths not to count as busy: fewer than four frames in 2 s (datapath/paths/nft/traffic.ts). */
const LARGE_ALL_MS = 1_600;

/** @returns between two pings of a pair while all pairs ping, ms. @param intervalMs the same while it is those whose turn it is */
export const allIntervalMs = (hosts: number, intervalMs: number): number =>
  rotaOf(hosts, 0).length < pairsOf(hosts).length ? Math.max(LARGE_ALL_MS, intervalMs) : intervalMs;
