// Nothing grows for ever, and nobody waits for ever.
import { firstOf, type Invariant } from './invariant.js';

const MAX_TIMERS_PER_ROUTER = 24;
/** A log is compacted above 256 records and twice what lives. */
const MAX_DEAD_RECORDS = 700;

/** After 4 s at the latest; some routers stood still in the trouble. */
export const requestsEnd: Invariant = {
  name: 'whoever asked for a connection is answered',
  withinMs: 15_000,
  broken: (life) => {
    const late = life.requests.find((r) => !r.ended && life.running().includes(r.by));
    return late && `a connect of ${late.by.name} is not answered after ${life.now - late.at} ms`;
  },
};

/**
 * Of a peer that is gone nobody may have what came before its last word; nor of one whose disk was set back, of which the life
 * between may have been cut off in the middle, and nobody can say that it does not go on.
 */
export const nothingIsPending: Invariant = {
  name: 'no block waits for another when all is quiet',
  withinMs: 30_000,
  broken: (life) => {
    const whole = new Set(life.running().flatMap((h) => (life.wasSetBack(h.name) ? [] : [h.id])));
    return firstOf(life.running(), ({ name, router }) => {
      const { store } = router.core.options;
      if (![...store.waitingOf()].some((owner) => whole.has(owner))) return undefined;
      const { pendingBytes, heldBlocks } = store.stats();
      return `${name} holds ${heldBlocks} blocks, ${pendingBytes} B, in wait`;
    });
  },
};

export const tablesAreBounded: Invariant = {
  name: 'no table outgrows what is in it',
  withinMs: 30_000,
  broken: (life) => {
    const all = [...life.world.hosts.values()];
    const hosts = all.reduce((sum, h) => sum + 1 + h.machine.formerIds.length, 0);
    const attached = all.reduce((sum, h) => sum + h.machine.disk.content.endpoints.size, 0);
    const most = hosts * (MAX_DEAD_RECORDS + 4 * hosts) + 6 * attached;
    return firstOf(life.running(), ({ name, router: { core } }) => {
      const { records, owners } = core.options.store.stats();
      if (records > most) return `${name} holds ${records} records of ${attached} endpoints on ${hosts} hosts`;
      if (owners > hosts) return `${name} holds streams of ${owners} peers; there are ${hosts}`;
      const { dialling } = core.contacts.dialer;
      return dialling <= 2 * hosts ? undefined : `${name} dials ${dialling} times at once`;
    });
  },
};

export const timersAreBounded: Invariant = {
  name: 'no router has ever more timers',
  withinMs: 30_000,
  broken: ({ world }) => {
    const most = world.hosts.size * MAX_TIMERS_PER_ROUTER * world.hosts.size;
    return world.time.pending <= most ? undefined : `${world.time.pending} timers wait for ${world.hosts.size} routers`;
  },
};
