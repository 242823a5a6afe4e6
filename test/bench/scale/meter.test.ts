import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meter } from '../../../bench/scale/meter.js';
import type { Network } from '../../../router/runtime/network.js';
import type { Ip } from '../../../router/types.js';

function metered() {
  let now = 0;
  const meter = new Meter(() => now);
  const sent: string[] = [];
  const network = {
    send: (conn: number) => void sent.push(`stream ${conn}`),
    sendDatagram: () => void sent.push('datagram'),
    dial: () => undefined,
    close: () => undefined,
  } as unknown as Network;
  meter.watch('a', network);
  return { meter, network, sent, at: (ms: number): void => void (now = ms) };
}

test('a datagram counts with its headers, and is still sent', () => {
  const { meter, network, sent } = metered();
  network.sendDatagram({ ip: '10.0.0.1' as Ip, port: 1 }, new Uint8Array(42));
  assert.deepEqual([meter.total(), sent], [{ bytes: 70, messages: 1 }, ['datagram']]);
});

test('what is written to one stream in one moment is one write, with its segments and acknowledgements', () => {
  const { meter, network, at } = metered();
  network.send(1, new Uint8Array(100));
  network.send(1, new Uint8Array(100));
  assert.deepEqual(meter.total(), { bytes: 200 + 52 + 52, messages: 1 });
  at(1);
  network.send(1, new Uint8Array(3 * 1448));
  assert.deepEqual(meter.total(), { bytes: 304 + 3 * 1448 + 3 * 52 + 2 * 52, messages: 4 });
  meter.reset();
  assert.deepEqual(meter.total(), { bytes: 0, messages: 0 });
});
