// The refusals that the preflight takes for a yes are the kernel's we run on, and leave nothing behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import { preflight } from '../../datapath/preflight.js';
import type { KernelError } from '../../datapath/index.js';
import type { Ip, LinkIndex } from '../../router/types.js';

assert.equal(process.env.MESH_SANDBOX, '1', 'needs a sandbox: make test');
const LOCAL = { vxlanPort: 6785, local: { v4: '10.0.0.1' as Ip }, overlay: 'auto' } as const;

test('the preflight passes on a kernel with bridge and vxlan, and makes no link', async () => {
  const kernel = new LinuxKernel();
  const refused: string[] = [];
  const watched = Object.assign(Object.create(kernel) as LinuxKernel, {
    linkAdd: (...args: Parameters<LinuxKernel['linkAdd']>): Promise<LinkIndex> =>
      kernel.linkAdd(...args).catch((e: unknown) => {
        refused.push((e as KernelError).errno);
        throw e;
      }),
  });
  assert.equal(await preflight(watched, LOCAL), true);
  kernel.close();
  assert.deepEqual(refused, ['EADDRNOTAVAIL', 'ERANGE']);
});
