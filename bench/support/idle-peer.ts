// A peer that has nothing to do, for a process that plays very many: it holds a connection, says once what it is, and answers to
// SWIM. It learns nothing and asks for nothing, so it costs next to nothing.
import { Connections, type Connection, type ConnectionFx } from '../../router/connection/connections.js';
import type { NetworkEvent } from '../../router/runtime/network.js';
import { Sockets } from '../../router/runtime/sockets.js';
import type { Trust } from '../../router/trust/trust.js';
import type { Ip, Millis, PeerId } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { encodeFrame, FrameType } from '../../router/wire/stream.js';
import { PORT } from './bare-router.js';
import type { TestIdentity } from '../../test/support/identity.js';
import type { Datagrams } from '../../router/trust/datagrams.js';
import { blocksOf, newLaunch, playedDatagrams, swimAnswer } from './played-peer.js';

const TICK_MS = 1_000;

export class IdlePeer {
  readonly id: PeerId;
  readonly #identity: TestIdentity;
  readonly #n: number;
  readonly #ip: Ip;
  readonly #sockets: Sockets;
  readonly #connections: Connections;
  readonly #launch = newLaunch();
  readonly #datagrams: Datagrams;

  /** @param n names it and its one endpoint. @param ip it listens there alone */
  constructor(n: number, ip: Ip, trust: Trust) {
    const { signer } = trust;
    const sign = (signed: Uint8Array): Uint8Array => signer.sign(signed);
    const signatures = { publicKey: signer.publicKey, sign, verify: () => true };
    this.#identity = { id: peerIdOf(signer.publicKey), signatures };
    this.id = this.#identity.id;
    this.#n = n;
    this.#ip = ip;
    this.#sockets = new Sockets({ port: PORT, host: ip, sink: (ev) => this.#onNetwork(ev) });
    const { publicKey } = this.#identity.signatures;
    const hello = { id: this.id, publicKey, name: `p${n}`, incarnation: 1, port: PORT, launch: this.#launch };
    this.#datagrams = playedDatagrams(this.id, this.#launch);
    this.#connections = new Connections(
      this.id,
      (dialled) => ({ ...hello, softwareVersion: 'bench', dialled }),
      () => trust,
    );
  }

  /** Connects to a router. @throws CannotListen */
  async start(host: string): Promise<void> {
    await this.#sockets.listen();
    this.#sockets.dial(1, host, PORT, 10_000);
    setInterval(() => this.#perform(this.#connections.tick(now())), TICK_MS);
  }

  #onNetwork(ev: NetworkEvent): void {
    switch (ev.kind) {
      case 'opened':
        return this.#perform(this.#connections.opened(ev.conn, ev.remote, ev.outbound, now()));
      case 'received':
        return this.#perform(this.#connections.received(ev.conn, ev.bytes, now()));
      case 'closed':
        return this.#perform(this.#connections.closed(ev.conn, ev.reason, now()));
      case 'dialFailed':
        throw new Error(`peer ${this.#n}: ${ev.sentence}`);
      case 'datagram': {
        const answer = swimAnswer(this.id, this.#datagrams, ev.bytes);
        if (answer !== undefined) this.#sockets.sendDatagram(ev.from, answer);
      }
    }
  }

  #perform(list: readonly ConnectionFx[]): void {
    for (const fx of list)
      if (fx.kind === 'send') this.#sockets.send(fx.conn, fx.bytes);
      else if (fx.kind === 'close') this.#sockets.close(fx.conn);
      else if (fx.kind === 'up') this.#onUp(fx.connection);
  }

  #onUp({ peer, hello }: Connection): void {
    this.#datagrams.learn(peer, hello.launch, hello.incarnation);
    for (const block of this.#blocks(peer))
      this.#perform(this.#connections.send(peer, encodeFrame(FrameType.block, block)));
  }

  #blocks(neighbour: PeerId): readonly Uint8Array[] {
    const addresses = [{ ip: this.#ip, port: PORT }];
    const about = { ...this.#identity, name: `p${this.#n}`, addresses, vxlanPort: PORT + 2, launch: this.#launch };
    return blocksOf({ ...about, connectedTo: [neighbour], endpoints: [this.#n] });
  }
}

const now = (): Millis => performance.now() as Millis;
