import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketDrops } from '../../bench/sleeve/contender.js';

// Of Linux 6.18, shortened: two sockets of port 6784 (1A80), and others whose remote port or inode has those digits.
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  120: 00000000:1A80 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 6784 2 0000000000000000 17
  121: 0163630A:1A80 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 6785 2 0000000000000000 4
  122: 0163630A:1A81 0263630A:1A80 01 00000000:00000000 00:00000000 00000000     0        0 6784 2 0000000000000000 900
`;

test('the drops of all sockets of a local port are added up, and no others', () => {
  assert.equal(socketDrops(UDP, 6_784), 21);
  assert.equal(socketDrops(UDP, 6_785), 900);
  assert.equal(socketDrops(UDP, 53), 0);
  assert.equal(socketDrops('', 6_784), 0);
});
