// The parts that make the sleeve fast. A host that lacks one carries the same frames, slower, and says so.

/** What `status` says where the part is missing, and what helps. */
interface Words {
  readonly reason: string;
  readonly remedy: string;
}

export const FAST_PATH = {
  aes: {
    reason: 'no AES in this processor or in that of a peer: to seal a datagram takes twice as long',
    remedy: 'grep -cw aes /proc/cpuinfo, on both hosts: 0 is a processor without it',
  },
  evp: {
    reason: 'this node exports no OpenSSL: to seal a datagram takes six times as long',
    remedy: 'run a Node.js of nodejs.org',
  },
  'udp-gro': {
    reason: 'no UDP_GRO: a system call for each datagram that comes',
    remedy: 'Linux 5.0 or newer',
  },
  'udp-segment': {
    reason: 'no UDP_SEGMENT: a system call for each datagram that goes',
    remedy: 'Linux 4.18 or newer',
  },
  uso: {
    reason: 'no UDP super-frames in a TAP: each datagram of a container goes by itself',
    remedy: 'Linux 6.2 or newer',
  },
  'socket-buffer': {
    reason: 'the socket buffer is small: datagrams are lost in bursts',
    remedy: 'sysctl -w net.core.rmem_max=8388608, and launch again',
  },
} as const satisfies Readonly<Record<string, Words>>;

export type FastPart = keyof typeof FAST_PATH;
