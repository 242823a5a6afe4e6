// This kernel has vxlan and bridge; what is said where it has not is shown on a fake one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../cli/command.js';
import type { Refused } from '../../../cli/daemon/control.js';
import { launchFailure, requestFailure } from '../../../cli/daemon/failures.js';
import { KernelError } from '../../../datapath/index.js';
import { preflight } from '../../../datapath/preflight.js';
import { PortInUse, StateDirError } from '../../../router/index.js';
import type { Ip } from '../../../router/types.js';
import { FakeKernel } from '../../support/fake-kernel.js';

const LOCAL = { vxlanPort: 6785, local: { v4: '10.0.0.1' as Ip }, overlay: 'vxlan' } as const;

/** The `n`-th thing that a launch asks of the kernel fails. 1: a bridge; 2: a vxlan. */
async function launchOn(n: number, errno: string): Promise<readonly [number, string, string | undefined]> {
  const kernel = new FakeKernel();
  kernel.failNth(n, errno);
  const failure = launchFailure(await preflight(kernel, LOCAL).catch((e: unknown) => e));
  assert.ok(failure instanceof Failure);
  return [failure.exit, failure.message, failure.remedy];
}

test('a kernel without bridge, or without vxlan, is said to lack it', async () => {
  const [exit, why, remedy] = await launchOn(1, 'EOPNOTSUPP');
  assert.equal(exit, 1);
  assert.match(why, /^this kernel has no bridge \(ip link add .* type bridge: EOPNOTSUPP\)$/);
  assert.equal(remedy, 'sudo modprobe bridge, or a kernel that has it');
  const [, noVxlan, instead] = await launchOn(2, 'EOPNOTSUPP');
  assert.match(noVxlan, /^this kernel has no vxlan \(/);
  assert.equal(instead, 'sudo modprobe vxlan, or launch with --overlay auto');
});

test('no CAP_NET_ADMIN is said as such, another refusal in the words of the kernel', async () => {
  assert.deepEqual(await launchOn(1, 'EPERM'), [1, 'it needs CAP_NET_ADMIN', 'sudo mesh launch']);
  assert.match((await launchOn(2, 'ENOMEM'))[1], /^the kernel refused: ip link add .*ENOMEM$/);
});

test('what the disk and the sockets refuse keeps its words and its remedy', () => {
  const inUse = launchFailure(new PortInUse('tcp', 6783)) as Failure;
  assert.deepEqual([inUse.exit, inUse.message], [1, 'TCP port 6783 is in use by another program']);
  const full = requestFailure(new StateDirError('unwritable', 'no space left', 'df')) as Refused;
  assert.deepEqual([full.status, full.message, full.remedy], [409, 'no space left', 'df']);
});

test('a bug stays what it is', () => {
  const bug = new TypeError('oops');
  assert.equal(launchFailure(bug), bug);
  assert.equal(requestFailure(bug), bug);
});

test('an interface name that is taken is said with another one to try', () => {
  const at = (ifname: string): unknown => {
    const e = requestFailure(new KernelError('ip link add mp1 type veth peer name x', 'EEXIST'), { target: 'web', ifname });
    return [(e as Refused).message, (e as Refused).remedy];
  };
  assert.deepEqual(at('lo'), ['it has an interface "lo" already', 'mesh attach web --ifname lo0, with the same --ip']);
  assert.deepEqual(at('eth9'), ['it has an interface "eth9" already', 'mesh attach web --ifname eth10, with the same --ip']);
}); // prettier-ignore

test("another program's link in the bridge's place is not taken for a taken interface name", () => {
  const why = new KernelError('ip link add mb-mesh', 'EEXIST', 'another program has a link of this name');
  const e = requestFailure(why, { target: 'web', ifname: 'mesh0' }) as Refused;
  assert.match(e.message, /^the kernel refused: ip link add mb-mesh: EEXIST/);
  assert.match(e.remedy ?? '', /ip -d link show mb-mesh$/);
});

test('a namespace that does not open is said to be none', () => {
  const e = requestFailure(new KernelError('ip netns exec /proc/1/ns/mnt', 'EINVAL', 'whatever')) as Refused;
  assert.equal(e.message, 'it is not a network namespace, or is gone');
});
