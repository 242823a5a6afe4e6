import { digestsAgree, gonePeersArePurged, membersAgree, versionsMeanOneThing } from './agreement.js';
import { nothingIsPending, requestsEnd, tablesAreBounded, timersAreBounded } from './bounds.js';
import type { Invariant } from './invariant.js';
import { broadcastsArriveOnce, framesArrive, kernelsAsPlanned } from './kernels.js';
import { evictedAreOut, onlyForgersAreAccused } from './malice.js';
import { streamsAreWhole } from './streams.js';
import {
  announcedIsAttached,
  broadcastsOnce,
  goneIsGone,
  holdersOwn,
  nothingWithdrawn,
  ownersAreMembers,
  tablesAreTrue,
} from './tables.js';
import { labelsLeadHome, nextHopsArrive, relaysArrive, sessionsStand } from './ways.js';

/** Those that are seldom late come last: the first that is broken says when it is not quiet yet. */
export const INVARIANTS: readonly Invariant[] = [
  nothingWithdrawn,
  ownersAreMembers,
  announcedIsAttached,
  labelsLeadHome,
  streamsAreWhole,
  onlyForgersAreAccused,
  requestsEnd,
  digestsAgree,
  membersAgree,
  tablesAreTrue,
  holdersOwn,
  broadcastsOnce,
  goneIsGone,
  gonePeersArePurged,
  evictedAreOut,
  nextHopsArrive,
  versionsMeanOneThing,
  nothingIsPending,
  tablesAreBounded,
  timersAreBounded,
  sessionsStand,
  relaysArrive,
  kernelsAsPlanned,
  framesArrive,
  broadcastsArriveOnce,
];
