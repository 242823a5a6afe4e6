// Has a device make no checksums any more, as `ethtool -K DEVICE tx off` does (linux/ethtool.h), where there is no ethtool.
//
//   usage: no-checksums-process.js DEVICE
import { ioctl } from '../../datapath/sleeve/native/io.js';
import { createMemory } from '../../datapath/sleeve/native/memory.js';
import { openSocket } from '../../datapath/syscalls.js';

const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;
const AF_INET = 2;
const SOCK_DGRAM = 2;

const memory = createMemory(256);
const request = memory.take(40); // struct ifreq: the name, then a pointer
const value = memory.take(8); // struct ethtool_value: what to set, and to what
memory.bytes.set(Buffer.from(process.argv[2]!, 'latin1'), request);
memory.point(request + 16, value);
memory.view.setUint32(value, ETHTOOL_STXCSUM, true);
const result = ioctl(openSocket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, memory.base + request);
if (result < 0) throw new Error(`SIOCETHTOOL: errno ${-result}`);
