import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { launchArgv, type LaunchConfig } from '../../cli/options.js';
import type { Cidr, Ip } from '../../router/types.js';
import { mesh } from './fakes.js';

const launched = async (line: string, env = {}, hostname = 'alpha'): Promise<LaunchConfig | undefined> =>
  (await mesh(line.split(' '), { env, hostname })).launched;

test('launch without options founds a mesh with the defaults', async () => {
  assert.deepEqual(await launched('launch'), {
    name: 'alpha',
    listen: undefined,
    advertise: [],
    port: 6783,
    stateDir: '/var/lib/mesh',
    socket: '/run/mesh/mesh.sock',
    range: undefined,
    mtu: undefined,
    overlay: 'auto',
    logFormat: 'text',
    peers: [],
  });
});

test('MESH_STATE_DIR and MESH_SOCKET are used, and a flag goes before them', async () => {
  const env = { MESH_STATE_DIR: '/tmp/state', MESH_SOCKET: '/tmp/sock' };
  const both = async (line: string): Promise<unknown> => {
    const config = await launched(line, env);
    return [config?.stateDir, config?.socket];
  };
  assert.deepEqual(await both('launch'), ['/tmp/state', '/tmp/sock']);
  assert.deepEqual(await both('launch --state-dir /tmp/s --socket /tmp/k'), ['/tmp/s', '/tmp/k']);
});

test('a socket path of 107 bytes fits, one of 108 does not, counted in bytes', async () => {
  const refused = async (path: string): Promise<boolean> => (await launched(`launch --socket ${path}`)) === undefined;
  assert.deepEqual([await refused(`/${'s'.repeat(106)}`), await refused(`/${'s'.repeat(107)}`)], [false, true]);
  assert.deepEqual([await refused(`/${'é'.repeat(53)}`), await refused(`/${'é'.repeat(54)}`)], [false, true]);
});

test('the bounds of a number belong to it', async () => {
  const config = async (line: string): Promise<unknown> => (await launched(line)) !== undefined;
  for (const line of ['--mtu 576', '--mtu 65000', '--port 1', '--port 65533'])
    assert.ok(await config(`launch ${line}`), line);
});

test('a host name that cannot be a name is made into one', async () => {
  assert.equal((await launched('launch', {}, '(none)'))?.name, 'none-');
  assert.equal((await launched('launch', {}, 'büro pc'))?.name, 'b-ro-pc');
  assert.equal((await launched('launch', {}, ''))?.name, 'host');
  assert.equal((await launched('launch', {}, 'x'.repeat(64)))?.name, 'x'.repeat(63));
});

test('peers are taken as hosts, addresses, and either with a port', async () => {
  const peers = ['db1', 'db1.example.com:7000', '10.0.0.2', '10.0.0.2:6783', 'fd00::2', '[fd00::2]', '[fd00::2]:7000'];
  assert.deepEqual((await launched(`launch ${peers.join(' ')}`))?.peers, peers);
});

test('the command line of the background child means the same configuration', async () => {
  const ip = fc.ipV4().filter((text) => !/^(0|127|22[4-9]|2[3-5]\d)\./.test(text)) as fc.Arbitrary<Ip>;
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
  const path = fc.stringMatching(/^\/[a-z ='"-]{1,40}[a-z]$/);
  const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
  const config: fc.Arbitrary<LaunchConfig> = fc.record({
    name,
    listen: optional(ip),
    advertise: fc.array(ip, { maxLength: 3 }),
    port: fc.integer({ min: 1, max: 65533 }),
    stateDir: path,
    socket: path,
    range: optional(fc.constantFrom('10.32.0.0/12' as Cidr, 'fd32::/64' as Cidr)),
    mtu: optional(fc.integer({ min: 576, max: 65000 })),
    overlay: fc.constantFrom('auto' as const, 'vxlan' as const),
    logFormat: fc.constantFrom('text' as const, 'json' as const),
    peers: fc.array(fc.constantFrom('db1', '10.0.0.2:7000', '[fd00::2]:1'), { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(config, async (wanted) => {
      const { err, launched: got } = await mesh(launchArgv(wanted));
      assert.deepEqual([err, got], ['', { ...wanted }]);
    }),
  );
});
