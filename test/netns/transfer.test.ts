// Bytes arrive as they were sent while the underlay loses, reorders and doubles, and the flow changes between vxlan and sleeve
// every second. MESH_TRANSFER_BYTES is how many in each direction (a thousand million for the full proof).
//
//   ca ── host a ══ vxlan | sleeve ══ host b ── cb       IPv4 from ca to cb, IPv6 from cb to ca, at once
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { attached } from '../support/mesh-lab.js';
import { disorder } from '../support/disorder.js';
import { createLab, type Lab, type Namespace } from '../support/netns.js';
import { sleeveStands } from '../support/overlay-lab.js';
import { allSeeAll } from '../support/router-process.js';
import { carriedBytes, launchSwitched, pathChanges, type SwitchedRouter } from '../support/switched-router.js';
import { stackCounters, transfer } from '../support/traffic.js';

const BYTES = Number(process.env.MESH_TRANSFER_BYTES ?? 32e6);
/** As long as it takes to change a few times, ms. */
const MIN_MS = 4_500;
/** To the sleeve and back. */
const TURN_MS = 2_000;

interface Mesh {
  readonly lab: Lab;
  readonly routers: readonly [SwitchedRouter, SwitchedRouter];
  readonly containers: readonly [Namespace, Namespace];
}

async function meshOf(mtu: number, underlayMtu: number): Promise<Mesh> {
  const lab = createLab({ mtu: underlayMtu });
  const [a, b] = [lab.host(`a${mtu}`), lab.host(`b${mtu}`)];
  const one = await launchSwitched(lab, a, mtu);
  const other = await launchSwitched(lab, b, mtu, a.v4);
  await allSeeAll([one.router, other.router], 60_000);
  const containers = [
    await attached(lab, one.router, `ca${mtu}`, '10.32.0.1/12', 'fd32::1/64'),
    await attached(lab, other.router, `cb${mtu}`, '10.32.0.2/12', 'fd32::2/64'),
  ] as const;
  // Else the switch sees super-frames, and loses or leads astray all of one.
  for (const { netns } of [a, b]) netns.ip('link set eth0 gso_max_segs 1');
  await Promise.all([sleeveStands(one.router), sleeveStands(other.router)]);
  return { lab, routers: [one, other], containers };
}

interface Direction {
  readonly what: string;
  readonly from: 0 | 1;
  readonly address: string;
}

const DIRECTIONS: readonly Direction[] = [
  { what: 'IPv4', from: 0, address: '10.32.0.2' },
  { what: 'IPv6', from: 1, address: 'fd32::1' },
];

/** @returns what is to be told of it. @throws AssertionError if a byte is wrong, or not both overlays carried */
async function flow({ routers, containers }: Mesh, { what, from, address }: Direction): Promise<string> {
  const router = routers[from];
  const [changes, before] = [await pathChanges(router), await carriedBytes(router)];
  const options = { bytes: BYTES, minMs: MIN_MS, port: 5_001 + from };
  const ms = await transfer(containers[from], containers[1 - from]!, address, options);
  const [turns, after] = [(await pathChanges(router)) - changes, await carriedBytes(router)];
  const [vxlan, sleeve] = [after.vxlan - before.vxlan, after.sleeve - before.sleeve];
  const words = [
    `${what}: ${BYTES / 1e6} MB in ${(ms / 1_000).toFixed(1)} s, hash right`,
    `${turns} changes of path`,
    `${(vxlan / 1e6).toFixed(0)} MB by vxlan`,
    `${(sleeve / 1e6).toFixed(0)} MB by sleeve`,
  ].join(', ');
  assert.ok(turns >= ms / TURN_MS - 1 && Math.min(vxlan, sleeve) > BYTES / 20, words);
  return words;
}

/** Both directions at once, while each router turns. @returns how often a container's stack has counted `name`, for each */
async function cross(mesh: Mesh, t: TestContext, name: string): Promise<readonly number[]> {
  const timers = mesh.routers.map((router) => setInterval(() => router.turn(), TURN_MS));
  const before = await Promise.all(mesh.containers.map(stackCounters));
  try {
    const rows = await Promise.all(DIRECTIONS.map((direction) => flow(mesh, direction)));
    const after = await Promise.all(mesh.containers.map(stackCounters));
    const grown = (of: string): number[] => after.map((counters, i) => counters[of]! - before[i]![of]!);
    const retransmits = grown('Tcp.RetransSegs');
    for (const [i, row] of rows.entries()) t.diagnostic(`${row}, ${retransmits[i]} retransmits`);
    return grown(name);
  } finally {
    timers.forEach((timer) => clearInterval(timer));
  }
}

/** What the sleeve dropped on both sides, by reason. */
async function drops({ routers }: Mesh, reason: string): Promise<number> {
  const all = await Promise.all(routers.map(async ({ router }) => (await router.status()).counters));
  return all.reduce((sum, counters) => sum + (counters[`datapath.sleeve-rx-${reason}`] ?? 0), 0);
}

const meshes = await Promise.all([meshOf(1_400, 1_500), meshOf(8_900, 9_100)]);

for (const [i, mtu] of [1_400, 8_900].entries()) {
  const mesh = meshes[i]!;
  const [a, b] = mesh.routers.map(({ router }) => router.host.name) as [string, string];

  test(`MTU ${mtu}: through 1 % loss`, async (t) => {
    for (const name of [a, b]) mesh.lab.lose(name, 1);
    const retransmits = await cross(mesh, t, 'Tcp.RetransSegs');
    for (const name of [a, b]) mesh.lab.lose(name, 0);
    assert.ok(Math.min(...retransmits) > 0, 'nothing was lost');
  });

  test(`MTU ${mtu}: out of order, and some of it twice`, async (t) => {
    const seed = Date.now() & 0x7fffffff;
    const before = await drops(mesh, 'replay');
    const end = await disorder(mesh.lab, a, b, 2, seed);
    const early = await cross(mesh, t, 'TcpExt.TCPOFOQueue');
    await end();
    const replays = (await drops(mesh, 'replay')) - before;
    t.diagnostic(
      `seed ${seed}: ${early.join(' and ')} segments came early, ${replays} of the sleeve's datagrams twice`,
    );
    assert.ok(Math.min(...early) > 0 && replays > 0, 'all came in order, or nothing twice');
  });

  test(`MTU ${mtu}: nothing was taken that was not sealed, and no frame was made that a TAP refuses`, async () => {
    for (const reason of ['tag', 'tap-refused', 'gso-headers', 'virtio'])
      assert.equal(await drops(mesh, reason), 0, reason);
  });
}
