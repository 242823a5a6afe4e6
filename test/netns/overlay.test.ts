// Which overlay carries: the kernel's vxlan while it works, else the sleeve, and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attached, joinedRouters, pathsUp, PingStream, sleep } from '../support/mesh-lab.js';
import { createLab, eventually, ping } from '../support/netns.js';
import type { RouterProcess } from '../support/router-process.js';

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const ca = await attached(lab, a!, 'ca', '10.32.0.1/12', 'fd32::1/64');
await attached(lab, b!, 'cb', '10.32.0.2/12', 'fd32::2/64');

const carrier = async (router: RouterProcess): Promise<string | undefined> =>
  (await router.status()).connections[0]?.overlay;

/** Until both ends send over the overlay. */
const carriedBy = (overlay: string, withinMs: number): Promise<true> =>
  eventually(`both ends use the ${overlay}`, withinMs, async () =>
    (await carrier(a!)) === overlay && (await carrier(b!)) === overlay ? true : undefined,
  );

const BLOCK = 'table inet block { chain in { type filter hook input priority -400; udp dport 6785 drop; }; }';

test('a vxlan that is blocked gives way to the sleeve within a second, and takes over again without a loss', async () => {
  await sleep(8_000); // the sleeve starts, agrees on keys and is probed
  const stream = new PingStream(ca, '10.32.0.2', 10, 1_500);
  await sleep(6_000); // the pair is seen to have traffic
  await b!.host.netns.must('nft', BLOCK);
  await carriedBy('sleeve', 10_000);
  const { sent, received } = await stream.result();
  console.log(`${sent - received} of ${sent} pings at 10 ms were lost`);
  const { connections } = await a!.status();
  console.log(JSON.stringify(connections[0]));
  assert.equal((await ping(ca, 'fd32::2', 5, 20)).received, 5);

  const back = new PingStream(ca, '10.32.0.2', 10, 1_200);
  await sleep(1_000);
  await b!.host.netns.must('nft', 'delete', 'table', 'inet', 'block');
  await pathsUp(a!, 1, 10_000);
  await carriedBy('vxlan', 10_000);
  await back.lostNone();
  console.log(
    a!
      .log()
      .split('\n')
      .filter((l) => l.includes('overlay'))
      .join('\n'),
  );
});
