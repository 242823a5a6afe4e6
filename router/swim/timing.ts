/** How fast a membership works. All in milliseconds, unless said otherwise. */
export interface SwimTiming {
  /** Each router probes one peer per interval, every peer in turn. */
  readonly probeIntervalMs: number;
  /** A probe without an answer for this long is tried through other peers as well. */
  readonly pingTimeoutMs: number;
  /** A probe without any answer for this long has failed. */
  readonly probeTimeoutMs: number;
  /** How many peers are asked to probe for us. */
  readonly pingReqPeers: number;
  /** How long a suspect has to refute, when enough peers agree; a fifth more with 1000 members. */
  readonly suspicionMinMs: number;
  /** The same when nobody agrees, as a multiple. */
  readonly suspicionMaxFactor: number;
  /** How many peers are told the news per `newsIntervalMs`, while there is some. */
  readonly newsPeers: number;
  readonly newsIntervalMs: number;
  /** What has only just become known is told at once, but so long after the last time. */
  readonly freshNewsMs: number;
  /** How often each router passes on a piece of news: this times log10 of the members. */
  readonly disseminationFactor: number;
  /** Full state is exchanged with one live peer in this time, at random between half and one and a half of it; with more than 32 members less often. */
  readonly syncIntervalMs: number;
  /** The same with one faulty peer. */
  readonly healIntervalMs: number;
  /** When a sync that is not answered is sent, counted from the first. */
  readonly syncRetriesMs: readonly number[];
  /** When a peer that we only heard of is pinged, counted from the first word about it. */
  readonly rumourRetriesMs: readonly number[];
  /** A faulty or departed peer is dropped after this. */
  readonly reapMs: number;
  /** A timer that is this late means that we stood still: nobody else is to blame for what did not arrive. */
  readonly stallMs: number;
}

export const DEFAULT_TIMING: SwimTiming = {
  probeIntervalMs: 500,
  pingTimeoutMs: 300,
  probeTimeoutMs: 800,
  pingReqPeers: 3,
  suspicionMinMs: 2400,
  suspicionMaxFactor: 1.75,
  newsPeers: 2,
  newsIntervalMs: 200,
  freshNewsMs: 50,
  disseminationFactor: 5,
  syncIntervalMs: 20_000,
  healIntervalMs: 10_000,
  syncRetriesMs: [0, 300, 1000, 2000],
  rumourRetriesMs: [0, 150, 300, 500, 800, 1200, 1700, 2400, 3500, 5000],
  reapMs: 24 * 3600 * 1000,
  stallMs: 250,
};
