// What every Network does, be it sockets or a fake. Each test waits for events, never for time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PortInUse, type Network, type NetworkEvent, type NetworkSink } from '../../router/runtime/network.js';
import type { Ip } from '../../router/types.js';

/** Two hosts that can reach each other at `ip`, and what to do with them. */
export interface NetworkBench {
  readonly ips: readonly [Ip, Ip];
  /** @param port 0 for any */
  host(which: 0 | 1, port: number, sink: NetworkSink): Network;
}

const PING = new TextEncoder().encode('ping');

type Kind = NetworkEvent['kind'];
type Of<K extends Kind> = Extract<NetworkEvent, { kind: K }>;

/** A sink that a test can wait on. */
export class Events {
  readonly all: NetworkEvent[] = [];
  #waiting: (() => void)[] = [];

  readonly sink: NetworkSink = (ev) => {
    this.all.push(ev);
    for (const wake of this.#waiting.splice(0)) wake();
  };

  of<K extends Kind>(kind: K): readonly Of<K>[] {
    return this.all.filter((ev): ev is Of<K> => ev.kind === kind);
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  async first<K extends Kind>(kind: K): Promise<Of<K>> {
    await this.until(() => this.of(kind).length > 0);
    return this.of(kind)[0]!;
  }

  text(): string {
    return Buffer.concat(this.of('received').map((ev) => ev.bytes)).toString();
  }
}

interface Pair {
  readonly a: Network;
  readonly b: Network;
  readonly atA: Events;
  readonly atB: Events;
  readonly portA: number;
  readonly portB: number;
}

export function networkContract(name: string, newBench: () => NetworkBench): void {
  const pair = (title: string, run: (p: Pair, bench: NetworkBench) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 20_000 }, async () => {
      const bench = newBench();
      const [atA, atB] = [new Events(), new Events()];
      const [a, b] = [bench.host(0, 0, atA.sink), bench.host(1, 0, atB.sink)];
      try {
        const [{ port: portA }, { port: portB }] = [await a.listen(), await b.listen()];
        await run({ a, b, atA, atB, portA, portB }, bench);
      } finally {
        await Promise.all([a.stop(), b.stop()]);
      }
    });
  };

  pair('a dial opens at both ends, under a positive and a negative number', async ({ a, atA, atB, portB }, { ips }) => {
    a.dial(1, ips[1], portB, 5_000);
    const [here, there] = [await atA.first('opened'), await atB.first('opened')];
    assert.equal(here.conn, 1);
    assert.ok(there.conn < 0);
    assert.deepEqual([here.outbound, there.outbound], [true, false]);
    assert.deepEqual(here.remote, { ip: ips[1], port: portB });
    assert.deepEqual([here.local, here.remote], [there.remote, there.local]);
  });

  pair('bytes arrive both ways in order', async ({ a, b, atA, atB, portB }, { ips }) => {
    a.dial(1, ips[1], portB, 5_000);
    await atA.first('opened');
    const { conn } = await atB.first('opened');
    for (const text of ['one ', 'two ', 'three']) a.send(1, Buffer.from(text));
    b.send(conn, Buffer.from('four'));
    await atB.until(() => atB.text() === 'one two three');
    await atA.until(() => atA.text() === 'four');
  });

  pair('what was sent before a close arrives, and the closer hears nothing more', async (p, { ips }) => {
    p.a.dial(1, ips[1], p.portB, 5_000);
    await p.atA.first('opened');
    const { conn } = await p.atB.first('opened');
    const last = Buffer.alloc(300_000, 'x');
    p.b.send(conn, Buffer.from('unread'));
    p.a.send(1, last);
    p.a.close(1);
    p.a.close(1);
    p.a.send(1, Buffer.from('too late'));
    assert.deepEqual(await p.atB.first('closed'), { kind: 'closed', conn, reason: 'ended' });
    assert.equal(p.atB.text(), last.toString());
    assert.deepEqual(
      p.atA.all.map((ev) => ev.kind),
      ['opened'],
    );
    p.b.send(conn, Buffer.from('nobody there'));
  });

  pair('where nothing listens a dial is refused', async ({ a, b, atA, portB }, { ips }) => {
    await b.stop();
    a.dial(7, ips[1], portB, 5_000);
    const failed = await atA.first('dialFailed');
    assert.equal(failed.conn, 7);
    assert.equal(failed.reason, 'refused');
    assert.notEqual(failed.sentence, '');
  });

  pair('a dial that is closed ends in silence at the dialler', async ({ a, atA, atB, portB }, { ips }) => {
    a.dial(1, ips[1], portB, 5_000);
    a.close(1);
    a.dial(2, ips[1], portB, 5_000);
    await atA.first('opened');
    await atB.first('opened');
    assert.deepEqual(atA.of('opened').map((ev) => ev.conn), [2]); // prettier-ignore
    assert.equal(atA.of('dialFailed').length, 0);
  });

  pair('a datagram arrives with the address of the port it left from', async ({ a, atB, portA, portB }, { ips }) => {
    a.sendDatagram({ ip: ips[1], port: portB }, Buffer.from('ping'));
    const { from, bytes } = await atB.first('datagram');
    assert.deepEqual(from, { ip: ips[0], port: portA });
    assert.equal(Buffer.from(bytes).toString(), 'ping');
  });

  pair('what comes is plain bytes, of which a slice is a copy', async ({ a, atA, atB, portB }, { ips }) => {
    a.sendDatagram({ ip: ips[1], port: portB }, PING);
    a.dial(1, ips[1], portB, 5_000);
    await atA.first('opened');
    a.send(1, PING);
    for (const { bytes } of [await atB.first('datagram'), await atB.first('received')]) {
      bytes.slice(0, 1)[0] = 0;
      assert.equal(Buffer.from(bytes).toString(), 'ping');
    }
  });

  pair('a datagram to nobody, or to a family we lack, is silence', async ({ a, atA, atB, portB }, { ips }) => {
    a.sendDatagram({ ip: ips[1], port: portB === 65_535 ? 1 : portB + 1 }, Buffer.from('lost'));
    a.sendDatagram({ ip: '2001:db8::1' as Ip, port: portB }, Buffer.from('lost'));
    a.sendDatagram({ ip: ips[1], port: portB }, Buffer.from('found'));
    await atB.first('datagram');
    assert.deepEqual([atA.all.length, atB.all.length], [0, 1]);
  });

  pair('a port that is taken is said to be', async ({ b, portB }, bench) => {
    const other = bench.host(1, portB, () => undefined);
    try {
      await assert.rejects(other.listen(), (e: Error) => e instanceof PortInUse && e.message.includes(String(portB)));
    } finally {
      await other.stop();
    }
    await b.stop();
    const next = bench.host(1, portB, () => undefined);
    assert.deepEqual(await next.listen(), { port: portB }, 'free again after stop');
    await next.stop();
  });

  pair('a network that stopped says nothing and does nothing', async ({ a, b, atA, atB, portB }, { ips }) => {
    a.dial(1, ips[1], portB, 5_000);
    await atA.first('opened');
    await atB.first('opened');
    await b.stop();
    await b.stop();
    assert.equal((await atA.first('closed')).conn, 1);
    assert.deepEqual(
      atB.all.map((ev) => ev.kind),
      ['opened'],
    );
    b.send(-1, Buffer.from('x'));
    b.close(-1);
    b.sendDatagram({ ip: ips[0], port: portB }, Buffer.from('x'));
  });
}
