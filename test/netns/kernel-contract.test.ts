// LinuxKernel against the kernel we run on, in namespaces of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { LinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import { closeFd, openNetns } from '../../datapath/syscalls.js';
import { kernelContract, type KernelHost } from '../contract/kernel.js';

assert.equal(
  process.env.MESH_SANDBOX,
  '1',
  'this test makes links and namespaces, so it runs only inside a sandbox of namespaces: use `make test`',
);

let count = 0;

function newNetns(): { name: string; fd: number } {
  const name = `kc-${process.pid}-${++count}`;
  execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return { name, fd: openNetns(`/run/netns/${name}`) };
}

function linuxHost(): KernelHost {
  const spaces = [newNetns(), newNetns()] as const;
  const kernel = new LinuxKernel(spaces[0].fd);
  const others = new LinuxKernel(spaces[0].fd);
  const indexOf = async (name: string) => (await others.links()).find((l) => l.name === name)!.index;
  return {
    kernel,
    netns: spaces[1].fd,
    othersDelete: async (name) => others.linkDel(await indexOf(name)),
    othersSetUp: async (name, up) => others.linkSet(await indexOf(name), { up }),
    othersFlush: async (name) => {
      const rows = await others.dumpRows([await indexOf(name)]);
      await others.rows(rows.map((row) => ({ op: 'del', row })));
    },
    close: () => {
      kernel.close();
      others.close();
      for (const { name, fd } of spaces) {
        closeFd(fd);
        execFileSync('ip', ['netns', 'del', name]);
      }
    },
  };
}

kernelContract('LinuxKernel', linuxHost);
