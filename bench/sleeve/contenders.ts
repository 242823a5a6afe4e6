// All that the sleeve part compares: the hand-made VXLAN, our sleeve sealed, plain and over relays, and the rivals that are
// installed. On the same two hosts, but for the relays, and the plain sleeve: code that is optimised for sealed and plain is slow for
// each, so it is another pair.
import { join } from 'node:path';
import type { Cipher } from '../../datapath/sleeve/sleeve.js';
import type { Host, Lab, Namespace } from '../../test/support/netns.js';
import { NETWORK_MTU, SLEEVE_PORT, sleevePair, type SleeveHost } from '../../test/support/sleeve-lab.js';
import { RIVALS } from '../rivals/all.js';
import { joinByRival, missing, versionOf, type Rival } from '../rivals/rival.js';
import { makeVxlan } from '../support/hand-made.js';
import { cabledHosts } from '../support/hosts.js';
import { serve, warmUp } from '../support/iperf.js';
import { usageOf } from '../support/machine.js';
import type { Carrier, Contender, Role } from './contender.js';
import { relayLine } from './relay-line.js';

export interface Field {
  /** The hand-made VXLAN, the same once more, and all others. */
  readonly contenders: readonly Contender[];
  /** One sentence on each rival that is not there. */
  readonly absent: readonly string[];
  /** By the rival's name, for the file. */
  readonly versions: Readonly<Record<string, string>>;
  readonly sleeves: readonly SleeveHost[];
}

/** Makes all of them in `lab`, each with an iperf3 server that has answered once. @throws Error if one does not pass */
export async function fieldOf(lab: Lab): Promise<Field> {
  const sealed = await sleeves(lab, ['a', 'b'], 'aes-256-gcm');
  const plain = await sleeves(lab, ['c', 'd'], 'plain');
  const hosts = [sealed[0].host, sealed[1].host] as const;
  const ours = [
    sleeveContender('sealed', 'sleeve, sealed', sealed),
    sleeveContender('plain', 'sleeve, plain', plain),
    ...(await relayLine(lab)),
  ];
  const { rivals, absent, versions } = await startRivals(lab, hosts);
  const hand = handMade(lab, hosts);
  for (const contender of [hand, ...ours, ...rivals]) {
    serve(contender);
    await warmUp(contender);
  }
  const again: Contender = { ...hand, name: 'again', title: 'again (A/A)' };
  const contenders = [hand, again, ...ours, ...rivals];
  return { contenders, absent, versions, sleeves: [...sealed, ...plain] };
}

async function sleeves(lab: Lab, names: readonly [string, string], cipher: Cipher): Promise<[SleeveHost, SleeveHost]> {
  await cabledHosts(lab, names);
  return sleevePair(lab, { names, cipher });
}

const sleeveContender = (name: string, title: string, [from, to]: readonly [SleeveHost, SleeveHost]): Contender => ({
  name,
  title,
  kind: 'ours',
  from: from.container,
  to: to.container,
  address: to.v4,
  carriers: [sleeveCarrier('sends', from), sleeveCarrier('receives', to)],
});

const sleeveCarrier = (role: Role, sleeve: SleeveHost): Carrier => ({
  role,
  host: sleeve.host,
  port: SLEEVE_PORT,
  cpuS: async () => ((await sleeve.do('cpuMs')) as number) / 1_000,
});

function handMade(lab: Lab, [a, b]: readonly [Host, Host]): Contender {
  const ends: [Namespace, Namespace] = [lab.container('hand-a'), lab.container('hand-b')];
  makeVxlan(a, b, ends[0], NETWORK_MTU, '10.77.0.1/24');
  makeVxlan(b, a, ends[1], NETWORK_MTU, '10.77.0.2/24');
  const [from, to] = ends;
  return { name: 'hand', title: 'hand-made VXLAN', kind: 'kernel', from, to, address: '10.77.0.2', carriers: [] };
}

async function startRivals(
  lab: Lab,
  hosts: readonly [Host, Host],
): Promise<{ rivals: Contender[]; absent: string[]; versions: Record<string, string> }> {
  const [rivals, absent, versions]: [Contender[], string[], Record<string, string>] = [[], [], {}];
  for (const [i, rival] of RIVALS.entries()) {
    const lacking = await missing(rival);
    if (lacking !== undefined)
      absent.push(`${rival.name} is left out: there is no ${lacking} (make bench-peers installs it)`);
    else
      try {
        rivals.push(await rivalContender(rival, lab, hosts, i + 1));
        versions[rival.name] = await versionOf(rival);
      } catch (error) {
        absent.push(`${rival.name} is left out: ${error instanceof Error ? error.message : String(error)}`);
      }
  }
  return { rivals, absent, versions };
}

/** iperf3 runs on the tunnel's own interface: the bridge and the veth that a container takes are spared the rival. */
async function rivalContender(
  rival: Rival,
  lab: Lab,
  hosts: readonly [Host, Host],
  subnet: number,
): Promise<Contender> {
  const { ends, processes } = await joinByRival(rival, hosts, join(lab.dir, 'rivals'), subnet);
  const carrier = (role: Role, n: 0 | 1): Carrier => ({
    role,
    host: hosts[n],
    port: rival.port,
    cpuS: () => Promise.resolve(usageOf(processes[n].pid!).cpuS),
  });
  return {
    name: rival.name,
    title: rival.name,
    kind: 'rival',
    from: hosts[0].netns,
    to: hosts[1].netns,
    address: ends[1].address,
    carriers: [carrier('sends', 0), carrier('receives', 1)],
  };
}
