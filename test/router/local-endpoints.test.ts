import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Claims } from '../../router/gossip/claims.js';
import { LocalEndpoints, type ClaimPut, type LocalEndpoint } from '../../router/local-endpoints.js';
import type { EndpointId, Ip, Mac, NetworkName, PeerId } from '../../router/types.js';
import { encodeMac, ipKey, macKey } from '../../router/wire/records.js';

const [SELF, OTHER] = ['1'.repeat(32) as PeerId, '2'.repeat(32) as PeerId];
const NET = 'mesh' as NetworkName;
const [MAC_1, MAC_2] = ['02:00:00:00:00:01' as Mac, '02:00:00:00:00:02' as Mac];
const [IP_1, IP_2] = ['10.32.0.1' as Ip, '10.32.0.2' as Ip];

const endpoint = (id: string, mac: Mac, ...ips: Ip[]): LocalEndpoint => ({
  id: id as EndpointId,
  network: NET,
  mac,
  ips,
});

/** Endpoints whose puts are believed at once, as the ledger does it. */
function world(): {
  announce(e: LocalEndpoint, fresh?: boolean): ClaimPut[];
  withdraw(id: string): ClaimPut[];
  hear(owner: PeerId, key: string, seq: number, live?: boolean): void;
  local: LocalEndpoints;
  claims: Claims;
} {
  const claims = new Claims();
  const own = new Map<string, number>();
  const local = new LocalEndpoints(SELF, claims, (_, key) => own.get(key));
  const hear = (owner: PeerId, key: string, seq: number, live = true): void =>
    void claims.apply({
      owner,
      topic: NET,
      key,
      seq,
      value: live ? encodeMac() : undefined,
      deleted: !live,
      gone: false,
      previous: undefined,
    });
  const believe = (puts: ClaimPut[]): ClaimPut[] => {
    for (const p of puts) {
      const seq = Math.max(p.seq, own.get(p.key) ?? 0);
      if (p.value === undefined) own.delete(p.key);
      else own.set(p.key, seq);
      hear(SELF, p.key, seq, p.value !== undefined);
    }
    return puts;
  };
  return {
    announce: (e, fresh = true) => believe(local.announce(e, fresh)),
    withdraw: (id) => believe(local.withdraw(id as EndpointId)),
    hear,
    local,
    claims,
  };
}

const seqs = (puts: readonly ClaimPut[]): Record<string, number> => Object.fromEntries(puts.map((p) => [p.key, p.seq]));

test('a new address is claimed with sequence 1, one that another had with one more than it had', () => {
  const w = world();
  w.hear(OTHER, ipKey(IP_1), 4);
  w.hear(OTHER, ipKey(IP_1), 4, false);
  assert.deepEqual(seqs(w.announce(endpoint('e', MAC_1, IP_1))), { [macKey(MAC_1)]: 1, [ipKey(IP_1)]: 5 });
});

test('announcing what is ours already keeps its sequence', () => {
  const w = world();
  w.hear(OTHER, ipKey(IP_1), 4);
  w.announce(endpoint('e', MAC_1, IP_1));
  assert.deepEqual(seqs(w.announce(endpoint('e', MAC_1, IP_1))), { [macKey(MAC_1)]: 1, [ipKey(IP_1)]: 5 });
});

test('after a restart, whoever took an address over keeps it', () => {
  const w = world();
  w.hear(OTHER, ipKey(IP_1), 4);
  w.announce(endpoint('e', MAC_1, IP_1), false);
  assert.equal(w.claims.holderOf(NET, ipKey(IP_1))?.owner, OTHER);
});

test('an endpoint that changes its addresses lets go of the ones it had', () => {
  const w = world();
  w.announce(endpoint('e', MAC_1, IP_1));
  const puts = w.announce(endpoint('e', MAC_1, IP_2));
  assert.deepEqual(
    puts.map((p) => [p.key, p.value !== undefined]),
    [
      [ipKey(IP_1), false],
      [macKey(MAC_1), true],
      [ipKey(IP_2), true],
    ],
  );
});

test('what two endpoints share stays until the last of them is withdrawn', () => {
  const w = world();
  w.announce(endpoint('e', MAC_1, IP_1));
  w.announce(endpoint('f', MAC_1, IP_2));
  assert.deepEqual(
    w.withdraw('e').map((p) => p.key),
    [ipKey(IP_1)],
  );
  assert.deepEqual(
    w.withdraw('f').map((p) => p.key),
    [macKey(MAC_1), ipKey(IP_2)],
  );
  assert.deepEqual(w.withdraw('f'), []);
});

test('an address that its new owner has let go of is claimed again, if we still have it', () => {
  const w = world();
  w.announce(endpoint('e', MAC_1, IP_1));
  w.hear(OTHER, ipKey(IP_1), 2);
  w.hear(OTHER, ipKey(IP_1), 2, false);
  assert.deepEqual(seqs(w.local.reclaim(NET, ipKey(IP_1))), { [ipKey(IP_1)]: 3 });
  assert.deepEqual(w.local.reclaim(NET, ipKey(IP_2)), []);
  assert.deepEqual(w.local.reclaim(NET, macKey(MAC_2)), []);
});
