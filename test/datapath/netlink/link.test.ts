import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr, Ip, LinkIndex, Mac, Vni } from '../../../router/types.js';
import { addrPayload, decodeAddr } from '../../../datapath/netlink/addr.js';
import { linkAddRequest, linkDelRequest, linkSetRequests } from '../../../datapath/netlink/link.js';
import { decodeLink } from '../../../datapath/netlink/link-decode.js';
import { encodeMessage } from '../../../datapath/netlink/message.js';
import { hex, messagesIn, vectors } from './vectors.js';

const requests = vectors('rtnetlink-requests.hex');
const BRIDGE = 2 as LinkIndex;
const MAC = '02:6d:00:00:00:01' as Mac;

test('a link is read as iproute2 shows it', () => {
  assert.deepEqual(decodeLink(messagesIn(vectors('rtnetlink-replies.hex').get('link')!)[0]!), {
    index: 3,
    name: 'vx-t',
    kind: 'vxlan',
    mac: '02:6d:00:00:00:02',
    mtu: 1376,
    up: true,
    alias: 'mesh vx',
    master: 2,
    port: {
      learning: false,
      flood: false,
      mcastFlood: true,
      bcastFlood: true,
      neighSuppress: true,
      isolated: true,
    },
    vxlan: { vni: 100, local: '10.8.1.2', port: 6785, df: true, learning: false },
  });
});

test('a link that is asked for is read back from the request itself', () => {
  const spec = {
    kind: 'vxlan',
    name: 'vx-6',
    vni: 7 as Vni,
    local: '2001:db8::1' as Ip,
    port: 6785,
    mtu: 1356,
  } as const;
  const { type, flags, payload } = linkAddRequest({ ...spec, df: false, mac: MAC });
  const link = decodeLink(messagesIn(encodeMessage(type, flags, 1, payload))[0]!);
  assert.deepEqual([link?.name, link?.kind, link?.mtu, link?.mac], ['vx-6', 'vxlan', 1356, MAC]);
  assert.deepEqual(link?.vxlan, { vni: 7, local: '2001:db8::1', port: 6785, df: false, learning: false });
});

test('the same words as iproute2 give the same bytes', () => {
  const [request] = linkSetRequests(BRIDGE, { addrGenNone: true });
  const { op, type, flags, payload } = request!;
  assert.equal(hex(encodeMessage(type, flags | 5, 0, payload)), hex(requests.get(op)!));
});

test('down comes first, flags after the master, and up last', () => {
  const words = (change: Parameters<typeof linkSetRequests>[1]): string[] =>
    linkSetRequests(BRIDGE, change).map((r) => r.op.replace('ip link set dev if2 ', ''));
  const all = { mtu: 1400, master: 9 as LinkIndex, addrGenNone: true, port: { isolated: true, learning: false } };
  const port = 'type bridge_slave learning off isolated on';
  assert.deepEqual(words({ ...all, up: true }), ['mtu 1400 master if9', 'addrgenmode none', port, 'up']);
  assert.deepEqual(words({ up: false, mac: MAC, master: null }), ['down', `address ${MAC} nomaster`]);
  assert.deepEqual(words({ port: {} }), []);
  assert.deepEqual(words({}), []);
});

test('every request says the command that a person would type', () => {
  const peer = { name: 'eth0', mac: MAC, mtu: 1376, netns: 9 };
  assert.equal(
    linkAddRequest({ kind: 'veth', name: 've-t', mtu: 1376, peer }).op,
    'ip link add ve-t mtu 1376 type veth peer name eth0 address 02:6d:00:00:00:01 mtu 1376 netns /proc/self/fd/9',
  );
  assert.equal(
    linkAddRequest({ kind: 'bridge', name: 'br-t', mac: MAC, mtu: 1376 }).op,
    'ip link add br-t address 02:6d:00:00:00:01 mtu 1376 type bridge mcast_snooping 0',
  );
  assert.equal(linkDelRequest(BRIDGE).op, 'ip link del dev if2');
});

test('addresses have the bytes that iproute2 sends, and are read back from them', () => {
  for (const [cidr, command] of [
    ['10.32.0.1/12', 'ip addr replace 10.32.0.1/12 dev if2'],
    ['fd32::1/64', 'ip addr replace fd32::1/64 dev if2 nodad'],
  ]) {
    const b = encodeMessage(20, 0x505, 0, addrPayload(BRIDGE, cidr as Cidr));
    assert.equal(hex(b), hex(requests.get(command!)!));
    assert.deepEqual(decodeAddr(messagesIn(b)[0]!), { link: BRIDGE, cidr });
  }
});
