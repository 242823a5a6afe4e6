// Why a stream came to nothing, for a person: lower case, no full stop.

export const CLONE = 'another machine has the same key as this router: one is a copy of the other';

export const FAULTS = {
  id: 'its id is not the hash of its key',
  signature: 'its hello is not signed by its key',
  forged: 'a record was changed on the way',
  oversize: "it broke the control stream's format (oversize)",
} as const;

/** @param reason the network's code for how the stream ended */
export const unfinished = (reason: string): string =>
  `it ${reason === 'reset' ? 'broke off' : 'closed'} the connection before it said who it is`;
