// Hosts for the bench: those of the test laboratory, and two joined by nothing but a cable.
import { eventually, Lab, type Host } from '../../test/support/netns.js';

let labs = 0;

/** Runs `work` in a laboratory of its own, which is taken down whatever happens. */
export async function inLab<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = new Lab(`b${process.pid}x${labs++}`, 1500);
  try {
    return await work(lab);
  } finally {
    lab.close();
  }
}

/** Two hosts joined by a veth pair instead of the switch: what crosses it costs nothing that is not measured. */
export async function cabledHosts(
  lab: Lab,
  names: readonly [string, string] = ['a', 'b'],
): Promise<readonly [Host, Host]> {
  const hosts = [lab.host(names[0]), lab.host(names[1])] as const;
  for (const { netns } of hosts) netns.ip('link del eth0');
  const [one, other] = hosts.map((host) => ({ host, link: 'eth0', cidrs: [`${host.v4}/24`, `${host.v6}/64`] }));
  await cable(one!, other!);
  return hosts;
}

/** One end of a cable: a link of that name will be there, with these addresses. */
export interface Plug {
  readonly host: Host;
  readonly link: string;
  readonly cidrs: readonly string[];
}

/** Joins two hosts, and waits until both kernels say that the link runs. */
export async function cable(one: Plug, other: Plug): Promise<void> {
  const peer = `peer name ${other.link} mtu 1500 netns ${other.host.netns.name}`;
  one.host.netns.ip(`link add ${one.link} mtu 1500 type veth ${peer}`);
  for (const { host, link, cidrs } of [one, other])
    host.netns.ip(
      ...cidrs.map((cidr) => `addr add ${cidr} dev ${link}${cidr.includes(':') ? ' nodad' : ''}`),
      `link set ${link} up`,
    );
  // The kernel takes up to a second to say that a link runs, and until then Node does not list its addresses.
  for (const { host, link } of [one, other])
    await eventually(`the cable of ${host.name} is up`, 5_000, async () =>
      /state UP/.test(await host.netns.must('ip', 'link', 'show', link)) ? true : undefined,
    );
}
