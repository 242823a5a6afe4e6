// What routers say to each other comes as it was said.
import { firstOf, type Invariant } from './invariant.js';

/** Counted drops of what no honest router sends; a simulated stream loses and changes nothing. */
const FAULT = /^(stream-forged|stream-oversize|frame-.*|hello-(?!clone).*)$/;

export const streamsAreWhole: Invariant = {
  name: 'no router takes what another said on a stream for forged or malformed',
  withinMs: undefined,
  broken: (life) =>
    firstOf(life.running(), ({ name, router }) =>
      firstOf(router.core.drops, ([reason, times]) => (FAULT.test(reason) ? `${name}: ${times} ${reason}` : undefined)),
    ),
};
