// The yardstick: a VXLAN as a person makes it with ip(8) and bridge(8), on the hosts that mesh runs on.
import type { Host, Namespace } from '../../test/support/netns.js';

const VNI = 4242;
const PORT = 4790;

/** One end: bridge, vxlan to the one other host, veth into the container. @param mtu inner, bytes. @param cidr the container's */
export function makeVxlan(host: Host, other: Host, container: Namespace, mtu: number, cidr: string): void {
  host.netns.ip(
    `link add br-hand mtu ${mtu} type bridge`,
    `link add vx-hand mtu ${mtu} type vxlan id ${VNI} dstport ${PORT} local ${host.v4} remote ${other.v4} nolearning`,
    'link set vx-hand master br-hand up',
    `link add ve-hand mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${container.name}`,
    'link set ve-hand master br-hand up',
    'link set br-hand up',
  );
  container.ip(`addr add ${cidr} dev eth0`, 'link set eth0 up');
}
