// Who has which MAC, told instead of asked, where one machine plays many: the kernel's ARP table holds 1,024 entries for all
// namespaces together (net.ipv4.neigh.default.gc_thresh3, which only the machine's own namespace may set), and thirty hosts
// with a container each that all talk want 1,740. Beyond that nothing is resolved ("neighbor table overflow!"): 700 of 870 pairs
// of containers had no answer. Permanent entries do not count.
import type { Namespace } from '../../cli/demo/namespace.js';
import type { Host } from '../../test/support/netns.js';

/** So many entries may be asked for by the containers of one mesh; other users of the machine have the rest. */
const ASKED = 500;

interface Neighbour {
  readonly mac: string;
  readonly ips: readonly string[];
}

/** On the underlay each host knows each other. */
export async function introduceHosts(hosts: readonly Host[]): Promise<void> {
  const all = await Promise.all(
    hosts.map(async ({ netns, v4, v6 }) => {
      const [link] = JSON.parse(await netns.must('ip', '-j', 'link', 'show', 'eth0')) as { address: string }[];
      return { mac: link!.address, ips: [v4, v6] };
    }),
  );
  hosts.forEach(({ netns }, i) => {
    tell(netns, 'eth0', all.filter((_, j) => j !== i)); // prettier-ignore
  });
}

/**
 * Containers ask for the next few in the circle, as containers do, and are told of the others.
 * @param containers each with one IPv4 address
 * @returns for how many others each one asks
 */
export function introduceContainers(
  containers: readonly { readonly netns: Namespace; readonly mac: string; readonly ip: string }[],
): number {
  const n = containers.length;
  const asks = Math.min(n - 1, Math.floor(ASKED / n));
  containers.forEach(({ netns }, i) => {
    const told = containers.filter((_, j) => j !== i && (j - i + n) % n > asks);
    tell(netns, 'mesh0', told.map(({ mac, ip }) => ({ mac, ips: [ip] }))); // prettier-ignore
  });
  return asks;
}

function tell(netns: Namespace, device: string, neighbours: readonly Neighbour[]): void {
  const lines = neighbours.flatMap(({ mac, ips }) =>
    ips.map((ip) => `neigh replace ${ip} lladdr ${mac} dev ${device} nud permanent`),
  );
  if (lines.length > 0) netns.ip(...lines);
}
