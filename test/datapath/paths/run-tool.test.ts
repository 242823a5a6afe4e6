import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runTool } from '../../../datapath/paths/run-tool.js';

test('a tool gets its input and its output comes back', async () => {
  assert.deepEqual(await runTool('cat', [], 'list chains'), { ok: true, stdout: 'list chains' });
});

test('a tool that is not there is missing', async () => {
  assert.deepEqual(await runTool('mesh-no-such-tool', ['-x']), {
    ...{ ok: false, missing: true, reason: 'no mesh-no-such-tool program' },
  });
});

test('a refusal is the first line that the tool complains in', async () => {
  const result = await runTool('sh', ['-c', 'echo >&2; echo "Error: syntax" >&2; echo more >&2; exit 1']);
  assert.deepEqual(result, { ok: false, missing: false, reason: 'sh: Error: syntax' });
});

test('a tool that reads nothing of a large input is judged by its exit code', async () => {
  assert.deepEqual(await runTool('true', [], 'x'.repeat(1 << 20)), { ok: true, stdout: '' });
});
