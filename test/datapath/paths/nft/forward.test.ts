import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Forward } from '../../../../datapath/paths/nft/forward.js';
import { Ruleset } from '../../../../datapath/paths/nft/ruleset.js';
import type { RunTool } from '../../../../datapath/paths/run-tool.js';

const FORWARD = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward' };

/** A host with one forward chain, whose nft knows `list chains`, `list chain` and `insert rule`. */
class FakeHost {
  policy = 'drop';
  bridges: string[] = [];
  proc: Record<string, string> = { '/proc/sys/net/bridge/bridge-nf-call-iptables': '1\n' };
  refuses = false;
  readonly calls: string[] = [];
  /** Of the kernel's commits. */
  generation = 1;
  readonly #run: RunTool = (name, args, stdin = '') => {
    this.calls.push([name, ...args].join(' '));
    if (this.refuses && stdin !== '') return Promise.resolve({ ok: false, missing: false, reason: 'nft: Error: no' });
    for (const [, bridge] of stdin.matchAll(/^insert .* iifname "(.*?)"/gm)) this.bridges.push(bridge!);
    if (stdin.startsWith('delete')) this.bridges = [];
    const rules = this.bridges.map((right, handle) => ({
      rule: {
        ...FORWARD,
        chain: 'FORWARD',
        handle,
        comment: 'mesh_6785',
        expr: [{ match: { right } }, { accept: null }],
      },
    }));
    const chain = { chain: { ...FORWARD, policy: this.policy } };
    const nftables = args.includes('chains') ? [chain] : [chain, ...rules];
    if (stdin !== '') this.generation++;
    return Promise.resolve({ ok: true, stdout: JSON.stringify({ nftables }) });
  };

  readonly forward = new Forward(
    6785,
    { run: this.#run, ruleset: new Ruleset({ generation: () => this.generation }) },
    (path) => this.proc[path],
    () => undefined,
  );

  /** Somebody else's commit. */
  disturb(change: () => void): void {
    change();
    this.generation++;
  }
}

test('where bridged packets do not pass iptables no program is run', async () => {
  const host = new FakeHost();
  host.proc = {};
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.calls, []);
  assert.equal(host.forward.state().ok, true);
});

test('a rule is inserted once, watched without a child, and put back when it is flushed', async () => {
  const host = new FakeHost();
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, ['mb-a']);
  assert.match(host.forward.state().reason, /^nft ip filter FORWARD drops; accepted mb-a there$/);
  host.calls.length = 0;
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.calls, []);
  host.disturb(() => (host.bridges = []));
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, ['mb-a']);
  await host.forward.ensure(['mb-a', 'mb-b']);
  assert.deepEqual(host.bridges, ['mb-a', 'mb-b']);
});

test('a chain that begins to drop is noticed at the next look, and one that stops has its rule taken away', async () => {
  const host = new FakeHost();
  host.policy = 'accept';
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, []);
  host.disturb(() => (host.policy = 'drop'));
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, ['mb-a']);
  host.disturb(() => (host.policy = 'accept'));
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, []);
});

test('the old tables of iptables are read again now and then, for they do not show that they changed', async () => {
  const host = new FakeHost();
  host.proc['/proc/net/ip_tables_names'] = 'filter\n';
  await host.forward.ensure(['mb-a']);
  host.calls.length = 0;
  for (let i = 0; i < 5; i++) await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.calls, []);
  await host.forward.ensure(['mb-a']);
  assert.ok(host.calls.some((call: string) => call.startsWith('iptables')));
});

test('a refusal is said with the command that would help, and tried again', async () => {
  const host = new FakeHost();
  host.refuses = true;
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.forward.state(), {
    ok: false,
    reason: 'nft ip filter FORWARD drops bridged packets, and the accept rule is refused: nft: Error: no',
    remedy: 'iptables -I FORWARD -i mb-a -o mb-a -j ACCEPT',
  });
  host.refuses = false;
  await host.forward.ensure(['mb-a']);
  assert.equal(host.forward.state().ok, true);
  await host.forward.remove();
  assert.deepEqual(host.bridges, []);
});
