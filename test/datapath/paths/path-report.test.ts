import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf, wayTo, type PathFacts } from '../../../datapath/paths/path-report.js';
import { newPath } from '../../../datapath/paths/probe/path-state.js';
import type { Ip, Millis, PeerId } from '../../../router/types.js';

const now = 100_000 as Millis;
const v4 = { ip: '10.9.0.2' as Ip, port: 6785 };
const v6 = { ip: 'fd09::2' as Ip, port: 6785 };
const local = { v4: '10.9.0.1' as Ip };
const facts: PathFacts = {
  ...{ peer: 'b'.repeat(32) as PeerId, name: 'host-b', way: wayTo(local, { name: 'host-b', v4 }), refusal: undefined },
  ...{ path: newPath(true, now), bytes: { tx: 5, rx: 6 }, ceiling: 1376, port: 6785 },
};
const path = (over: object) => ({ ...facts, path: { ...facts.path!, ...over } });

test('IPv4 is preferred where both have it, as the data does', () => {
  assert.equal(wayTo({ v4: local.v4, v6: 'fd09::1' as Ip }, { name: 'b', v4, v6 })?.family, 'v4');
  assert.equal(wayTo({ v6: 'fd09::1' as Ip }, { name: 'b', v4, v6 })?.family, 'v6');
  assert.equal(wayTo(local, { name: 'b', v6 }), undefined);
});

test('a good path has numbers and no words', () => {
  const r = reportOf(path({ kind: 'up', rttMs: 0.3, mtu: 1376 }), now);
  assert.deepEqual(r, {
    ...{ peer: facts.peer, overlay: 'vxlan', state: 'up', reason: '', remedy: '' },
    ...{ rttMs: 0.3, mtu: 1376, txBytes: 5, rxBytes: 6 },
  });
});

test('every path that is not good says why and what to do', () => {
  const said = (f: PathFacts) => {
    const { overlay, state, reason, remedy } = reportOf(f, now);
    return [overlay, state, reason, remedy].join(' | ');
  };
  assert.equal(
    said(path({ kind: 'down' })),
    'vxlan | down | probes lost | does the router on host-b run, and is UDP 6785 open from 10.9.0.1 to 10.9.0.2 (host-b) and back?',
  );
  assert.equal(
    said(path({ kind: 'down', heardAt: (now - 1_000) as Millis })),
    'vxlan | down | probes lost | is UDP 6785 open from 10.9.0.1 to 10.9.0.2 (host-b)?',
  );
  assert.equal(
    said({ ...facts, way: undefined }),
    'none | down | no address in common | give this host and host-b an address of the same family (mesh launch --advertise)',
  );
  assert.equal(
    said({ ...facts, refusal: 'ip link add mesh-vxp: EOPNOTSUPP' }),
    'none | down | no kernel support: ip link add mesh-vxp: EOPNOTSUPP | modprobe vxlan, and launch again',
  );
  assert.equal(
    said(path({ kind: 'up', mtu: 1350 })),
    "vxlan | up | path MTU 1350 is less than the network's 1376 | raise the MTU between 10.9.0.1 and 10.9.0.2 to 1426, or launch with --mtu 1350",
  );
});
