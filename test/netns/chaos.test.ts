// The harness of `make chaos` on five routers: it lets a mesh pass that holds, and finds what it must find.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosRouter } from '../../bench/chaos/chaos-router.js';
import { leftBehind, runChaos, type ChaosMesh, type Outcome } from '../../bench/chaos/chaos.js';
import { drawOutcome, judge } from '../../bench/chaos/report.js';
import { Lab } from '../support/netns.js';

const SETTINGS = { seconds: 20, seed: 8, routers: 5, overlay: 'vxlan' } as const;
const PLANTED_MS = 6_000;
const START_WITHIN_MS = 60_000;

const drawn = (outcome: Outcome): string => drawOutcome(outcome, judge(outcome)).join('\n');

test('a mesh holds through twenty seconds of faults, and nothing is left', async (t) => {
  const outcome = await runChaos(SETTINGS);
  for (const line of drawOutcome(outcome, judge(outcome))) t.diagnostic(line);
  assert.deepEqual(judge(outcome).broken, []);
  assert.ok(outcome.happened.length > 5 && outcome.happened.every((h) => h.toMs !== undefined));
  assert.ok(outcome.outages.length > 0, 'no fault was felt');
  assert.deepEqual(leftBehind(), []);
});

test('what no fault explains is found: data dropped behind the back of a healthy router, and one that stays away', async () => {
  const outcome = await runChaos({ ...SETTINGS, seconds: 10, seed: 9 }, { mischief, quietWithinMs: 5_000 });
  const { broken } = judge(outcome);
  const about = (pattern: RegExp): string[] => broken.filter((sentence) => pattern.test(sentence));
  assert.ok(about(/^no fault explains that c\d and c\d had no answer for \d+\.\d s$/).length > 0, drawn(outcome));
  assert.ok(about(/^h4: the router is not running$/).length > 0, drawn(outcome));
  assert.ok(about(/^h0 does not see h4 alive$/).length > 0, drawn(outcome));
  assert.deepEqual(leftBehind(), []);
});

test('a router that is launched before the one that was killed has ended waits for it, and is the only one', async () => {
  const lab = new Lab(`c${process.pid}`, 1500);
  const router = new ChaosRouter(lab, 0, ['--overlay', 'vxlan']);
  try {
    router.launch();
    await router.serves(START_WITHIN_MS);
    const killed = router.pid;
    router.kill();
    router.launch();
    assert.equal(router.pid, killed, 'there are two');
    while (router.pid === killed) await sleep(10);
    await router.serves(START_WITHIN_MS);
    assert.deepEqual(router.crashes, []);
    assert.equal((await router.client.status()).self.name, 'h0');
  } finally {
    router.close();
    lab.close();
  }
  assert.deepEqual(leftBehind(), []);
});

/** A host no longer lets in what another's vxlan sends, as a firewall would that somebody changed; and a router is gone for good. */
async function mischief({ routers }: ChaosMesh): Promise<void> {
  const [victim, other] = [routers[0]!.host, routers[1]!.host];
  const drop = `ip saddr ${other.v4} udp dport 6785 drop`;
  await victim.netns.must('nft', `table inet planted { chain in { type filter hook input priority -400; ${drop}; }; }`);
  await sleep(PLANTED_MS);
  await victim.netns.must('nft', 'delete', 'table', 'inet', 'planted');
  routers[4]!.kill();
}
