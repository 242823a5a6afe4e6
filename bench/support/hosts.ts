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
  const [a, b] = hosts;
  for (const { netns } of hosts) netns.ip('link del eth0');
  a.netns.ip(`link add eth0 mtu 1500 type veth peer name eth0 mtu 1500 netns ${b.netns.name}`);
  for (const { netns, v4, v6 } of hosts)
    netns.ip(`addr add ${v4}/24 dev eth0`, `addr add ${v6}/64 dev eth0 nodad`, 'link set eth0 up');
  // The kernel takes up to a second to say that a link runs, and until then Node does not list its addresses.
  for (const { name, netns } of hosts)
    await eventually(`the cable of ${name} is up`, 5_000, async () =>
      /state UP/.test(await netns.must('ip', 'link', 'show', 'eth0')) ? true : undefined,
    );
  return hosts;
}
