import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Forwarding } from '../../router/forwarding.js';
import { Claims } from '../../router/gossip/claims.js';
import type { ForwardingDelta, Ip, Mac, NetworkName, PeerId } from '../../router/types.js';
import { encodeIp, encodeMac, ipKey, macKey, parseKey } from '../../router/wire/records.js';

const [SELF, OTHER] = ['1'.repeat(32) as PeerId, '2'.repeat(32) as PeerId];
const NET = 'mesh' as NetworkName;
const [MAC, STRANGER] = ['02:00:00:00:00:01' as Mac, '02:00:00:00:00:02' as Mac];
const OF_MAC = 'fe80::ff:fe00:1' as Ip; // RFC 4291 App. A

/** One router's table, fed record by record. */
function world() {
  const forwarding = new Forwarding(SELF, new Claims());
  const [macs, neighs] = [new Map<Mac, PeerId>(), new Map<Ip, Mac>()];
  let seq = 0;
  const take = (d: ForwardingDelta): unknown => {
    if (d.kind === 'mac') return d.value === undefined ? macs.delete(d.mac) : macs.set(d.mac, d.value);
    if (d.kind === 'neigh') return d.value === undefined ? neighs.delete(d.ip) : neighs.set(d.ip, d.value);
    return undefined;
  };
  const say = (owner: PeerId, key: string, value: Uint8Array | undefined): void => {
    const parsed = parseKey(key);
    assert.ok(parsed?.kind === 'mac' || parsed?.kind === 'ip');
    const change = { owner, topic: NET, key, seq: ++seq, value, deleted: value === undefined, gone: false };
    forwarding.apply({ ...change, previous: undefined }, parsed).forEach(take);
  };
  return { macs, neighs, say };
}

test('the link-local address of a MAC comes and goes with it, without a record of its own', () => {
  for (const owner of [OTHER, SELF]) {
    const { macs, neighs, say } = world();
    say(owner, macKey(MAC), encodeMac());
    assert.equal(macs.get(MAC), owner === SELF ? undefined : owner);
    assert.deepEqual([...neighs], [[OF_MAC, MAC]]);
    say(owner, macKey(MAC), undefined);
    assert.deepEqual([macs.size, neighs.size], [0, 0]);
  }
});

test('who claims such an address by name has it, whichever is heard first, and gives it back', () => {
  for (const isNamedFirst of [true, false]) {
    const { neighs, say } = world();
    const claims = [
      () => say(OTHER, ipKey(OF_MAC), encodeIp({ mac: STRANGER })),
      () => say(SELF, macKey(MAC), encodeMac()),
    ];
    for (const claim of isNamedFirst ? claims : claims.reverse()) claim();
    assert.deepEqual([...neighs], [[OF_MAC, STRANGER]]);
    say(OTHER, ipKey(OF_MAC), undefined);
    assert.deepEqual([...neighs], [[OF_MAC, MAC]]);
    say(SELF, macKey(MAC), undefined);
    assert.equal(neighs.size, 0);
  }
});
