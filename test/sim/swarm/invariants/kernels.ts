// What the kernels make of it, in scenarios that have some.
import { ipKey, macKey } from '../../../../router/wire/records.js';
import type { Ip, Mac } from '../../../../router/types.js';
import type { WorldHost } from '../../world.js';
import type { Life } from '../life.js';
import { firstOf, type Invariant } from './invariant.js';
import { truth } from './truth.js';

/** A kernel is read anew after a minute, when news of it was lost; and what it refuses is tried again after ten seconds. */
const REPAIRED_WITHIN_MS = 90_000;

const withKernels = (life: Life): readonly WorldHost[] => life.running().filter((h) => h.loop !== undefined);

export const kernelsAsPlanned: Invariant = {
  name: 'the tables of each kernel are as planned',
  withinMs: REPAIRED_WITHIN_MS,
  broken: (life) =>
    firstOf(withKernels(life), ({ name, loop }) => {
      if (!loop!.isQuiet) return `the datapath of ${name} is not done`;
      const [first, ...others] = loop!.differences();
      return first && `the kernel of ${name} is not as planned: ${first}, and ${others.length} more`;
    }),
};

/** To addresses whose IP and MAC one running host has. */
export const framesArrive: Invariant = {
  name: 'a frame to an address arrives where it is attached',
  withinMs: REPAIRED_WITHIN_MS,
  broken: (life) => {
    const { winners, neighs } = truth(life);
    return firstOf(withKernels(life), (to) =>
      firstOf(to.machine.disk.content.endpoints.values(), ({ ips: [ip] }) => {
        const mac = neighs.get(ip!);
        const owns = (key: string): boolean =>
          winners.get(key)?.value !== undefined && winners.get(key)?.owner === to.id;
        if (mac === undefined || !owns(ipKey(ip as Ip)) || !owns(macKey(mac as Mac))) return undefined;
        return firstOf(withKernels(life), ({ name }) => {
          const fate = life.world.frame(name, ip!);
          if (fate.kind === 'arrived' && fate.at === to.name) return undefined;
          const why = fate.kind === 'dropped' ? `dropped at ${fate.at}: ${fate.why}` : `at ${fate.at}`;
          return `a frame from ${name} to ${ip} at ${to.name} is ${why}`;
        });
      }),
    );
  },
};

export const broadcastsArriveOnce: Invariant = {
  name: 'a broadcast is heard once by each that has an endpoint',
  withinMs: REPAIRED_WITHIN_MS,
  broken: (life) =>
    firstOf(withKernels(life), ({ name }) => {
      const heard = life.world.broadcast(name);
      return firstOf(withKernels(life), (other) => {
        const times = heard.filter((h) => h === other.name).length;
        const wanted = other.name !== name && other.machine.disk.content.endpoints.size > 0 ? 1 : 0;
        const isRight = wanted === 1 ? times === 1 : times <= (other.name === name ? 0 : 1);
        return isRight ? undefined : `a broadcast from ${name} is heard ${times} times by ${other.name}`;
      });
    }),
};
