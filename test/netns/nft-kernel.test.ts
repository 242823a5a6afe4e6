// LinuxNftKernel against the kernel we run on, in namespaces of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { LinuxNftKernel } from '../../datapath/netlink/nf-tables.js';
import { closeFd, openNetns } from '../../datapath/syscalls.js';
import { nftKernelContract } from '../contract/nft-kernel.js';

assert.equal(process.env['MESH_SANDBOX'], '1', 'this test makes namespaces: run it by scripts/sandbox.sh');

const TABLE = `table inet t {
  set a { type ipv4_addr; counter; }
  set b { type ipv4_addr . inet_service; counter; }
  chain in { type filter hook input priority 0; udp dport 9 ip saddr @a; }
}`;
const HEADERS_BYTES = 28; // of IPv4 and UDP
const SEND = `const s = require('dgram').createSocket('udp4');
s.send(Buffer.alloc(Number(process.argv[1])), 9, '127.0.0.1', () => s.close());`;

let count = 0;

nftKernelContract('LinuxNftKernel', () => {
  const netns = `nk-${process.pid}-${++count}`;
  execFileSync('ip', ['netns', 'add', netns]);
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  const fd = openNetns(`/run/netns/${netns}`);
  const inside = (...command: string[]): void =>
    void execFileSync('ip', ['netns', 'exec', netns, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  return {
    kernel: new LinuxNftKernel(fd),
    create: () => inside('nft', TABLE),
    frame: (bytes) => inside(process.execPath, '-e', SEND, String(bytes - HEADERS_BYTES)),
    close: () => {
      closeFd(fd);
      execFileSync('ip', ['netns', 'del', netns]);
    },
  };
});
