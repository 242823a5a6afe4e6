import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Forward } from '../../../../datapath/paths/nft/forward.js';
import type { RunTool } from '../../../../datapath/paths/run-tool.js';

const FORWARD = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward' };

/** A host with one forward chain, whose nft knows `list chains`, `list chain` and `insert rule`. */
class FakeHost {
  policy = 'drop';
  bridges: string[] = [];
  proc: Record<string, string> = { '/proc/sys/net/bridge/bridge-nf-call-iptables': '1\n' };
  refuses = false;
  calls: string[] = [];
  readonly forward = new Forward(
    6785,
    (name, args, stdin) => this.#run(name, args, stdin),
    (path) => this.proc[path],
    () => undefined,
  );

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
    return Promise.resolve({ ok: true, stdout: JSON.stringify({ nftables }) });
  };
}

test('where bridged packets do not pass iptables no program is run', async () => {
  const host = new FakeHost();
  host.proc = {};
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.calls, []);
  assert.equal(host.forward.state().ok, true);
});

test('a rule is inserted once, watched by two programs a time, and put back when it is flushed', async () => {
  const host = new FakeHost();
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, ['mb-a']);
  assert.match(host.forward.state().reason, /^nft ip filter FORWARD drops; accepted mb-a there$/);
  host.calls = [];
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.calls, ['nft -j list chains', 'nft -j list chain ip filter FORWARD']);
  host.bridges = [];
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
  host.policy = 'drop';
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, ['mb-a']);
  host.policy = 'accept';
  await host.forward.ensure(['mb-a']);
  assert.deepEqual(host.bridges, []);
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
