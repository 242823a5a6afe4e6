// The shell of the choice among overlays, on a clock that a test moves and a sleeve that keeps what it is told.
import type { DatapathConfig } from '../../datapath/datapath.js';
import { Overlays } from '../../datapath/overlays.js';
import { newPath, type Path } from '../../datapath/paths/probe/path-state.js';
import type { DatapathReport, Ip, Millis, PathReport, PeerForward, PeerId, SessionKeys } from '../../router/types.js';
import { SELF, vtep } from './datapath-lab.js';
import { FakeClock } from './fake-clock.js';
import { FakeSleeve } from './fake-sleeve.js';
import { peerOf } from './peers.js';

export const B = peerOf(1);
export const AT_B: PeerForward = { name: 'b', v4: { ip: vtep(1), port: 6785 } };
export const keys = (receiveIndex: number, confirmed = true): SessionKeys => {
  const [sendKey, receiveKey] = [new Uint8Array(32), new Uint8Array(32)];
  return { cipher: 'aes-256-gcm', sendKey, receiveKey, sendIndex: 9, receiveIndex, confirmed };
};

export class Bench {
  readonly clock = new FakeClock();
  readonly sleeves: FakeSleeve[] = [];
  readonly used: string[] = [];
  readonly news: PeerId[] = [];
  readonly hurried: PeerId[] = [];
  readonly reports: DatapathReport[] = [];
  readonly logged: string[] = [];
  tapsLost = 0;
  readonly heardAt: (readonly [PeerId, Ip])[] = [];
  refusal: Error | undefined;
  readonly overlays: Overlays;

  constructor(overlay: DatapathConfig['overlay'] = 'auto') {
    const config: DatapathConfig = {
      self: SELF,
      vxlanPort: 6785,
      local: { v4: vtep(0) },
      overlay,
      onReport: (report) => void this.reports.push(report),
      log: (event, fields) => void this.logged.push([event, ...Object.values(fields)].join(' ')),
    };
    const sleeve = (onEvent: ConstructorParameters<typeof FakeSleeve>[0]): FakeSleeve => {
      if (this.refusal !== undefined) throw this.refusal;
      const made = new FakeSleeve(onEvent);
      this.sleeves.push(made);
      return made;
    };
    this.overlays = new Overlays(
      config,
      { sleeve, clock: this.clock },
      {
        use: (_peer, carrier) => void this.used.push(carrier ?? 'nothing'),
        news: (peer) => void this.news.push(peer),
        hurryVxlan: (peer) => void this.hurried.push(peer),
        started: () => undefined,
        tapLost: () => void this.tapsLost++,
        traffic: () => undefined,
        heardAt: (peer, ip) => void this.heardAt.push([peer, ip]),
      },
    );
  }

  /** With a peer whose sleeve is probed and answers. */
  static async joined(overlay: DatapathConfig['overlay'] = 'auto', hasVxlan = true): Promise<Bench> {
    const bench = new Bench(overlay);
    bench.overlays.start(hasVxlan);
    bench.overlays.setPeer(B, AT_B);
    await bench.clock.run(4_000);
    bench.sleeve.wires.set(B, 1_500);
    bench.overlays.setSession(B, keys(1));
    await bench.clock.run(3_000);
    return bench;
  }

  get sleeve(): FakeSleeve {
    return this.sleeves.at(-1)!;
  }

  /** What the vxlan's probes found just now. */
  vxlan(found: Partial<Path>): void {
    const path = { ...newPath(true, this.clock.now()), kind: 'up' as const, heardAt: this.clock.now(), ...found };
    this.overlays.vxlanStirred(B, path);
  }

  loseVxlan(): void {
    this.vxlan({ kind: 'down', losingSince: (this.clock.now() - 700) as Millis });
  }

  describe(vxlan: Partial<PathReport> = {}): PathReport {
    const blank = { rttMs: undefined, mtu: undefined, txBytes: 10, rxBytes: 20 };
    return this.overlays.describe({
      peer: B,
      overlay: 'vxlan',
      state: 'up',
      reason: '',
      remedy: '',
      ...blank,
      ...vxlan,
    });
  }
}
