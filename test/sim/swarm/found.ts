// Every bug that a random scenario found, as short as it could be made. Each broke what it is named after.
import type { Scenario, Step } from './scenario.js';

export interface Found {
  readonly what: string;
  readonly scenario: Scenario;
}

const script = (seed: number, endsAt: number, steps: readonly Step[], slowDisks = false): Scenario => ({
  seed,
  sleeve: false,
  slowDisks,
  endsAt,
  steps,
});

export const FOUND: readonly Found[] = [
  {
    what: 'a router that leaves and hears its own word back does not begin anew',
    scenario: script(163, 372, [
      { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
      { at: 0, kind: 'join', host: 'h2', dial: ['h0'], founds: false },
      { at: 0, kind: 'join', host: 'h3', dial: ['h2'], founds: false },
      { at: 0, kind: 'join', host: 'h4', dial: ['h3'], founds: false },
      { at: 0, kind: 'attach', host: 'h2', id: 'e2', ip: '10.32.0.2', mac: '02:00:00:00:00:11' },
      { at: 84, kind: 'leave', host: 'h2' },
      { at: 84, kind: 'stop', host: 'h0' },
      { at: 372, kind: 'restart', host: 'h0', disk: 'kept' },
    ]),
  },
  {
    what: 'two who connect to the same host are both answered',
    scenario: script(1, 400, [
      { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
      { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
      { at: 0, kind: 'connect', host: 'h1', to: 'h0' },
    ]),
  },
  {
    what: 'a router that was slow for a while finds out who is dead',
    scenario: script(2055, 2_667, [
      { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
      { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
      { at: 83, kind: 'slow', host: 'h0', ms: 300 },
      { at: 616, kind: 'powerOff', host: 'h1' },
      { at: 616, kind: 'restart', host: 'h1', disk: 'none' },
    ]),
  },
  {
    what: 'what was attached right before a crash is had after it, though another let go of the address',
    scenario: script(
      2100,
      1_637,
      [
        { at: 0, kind: 'join', host: 'h1', dial: [], founds: false },
        { at: 0, kind: 'join', host: 'h2', dial: ['h1'], founds: false },
        { at: 480, kind: 'attach', host: 'h1', id: 'e14', ip: '10.32.0.2', mac: '02:00:00:00:00:1d' },
        { at: 480, kind: 'detach', host: 'h1', id: 'e14' },
        { at: 1_637, kind: 'attach', host: 'h2', id: 'e81', ip: '10.32.0.2', mac: '02:00:00:00:00:60' },
        { at: 1_637, kind: 'crash', host: 'h2' },
        { at: 1_637, kind: 'restart', host: 'h2', disk: 'kept' },
      ],
      true,
    ),
  },
  {
    what: 'a router whose clock jumped finds out who is dead',
    scenario: {
      ...script(3172, 237, [
        { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
        { at: 0, kind: 'join', host: 'h1', dial: [], founds: true },
        { at: 0, kind: 'join', host: 'h2', dial: ['h0', 'h1'], founds: false },
        { at: 15, kind: 'slow', host: 'h2', ms: 1_500 },
        { at: 15, kind: 'crash', host: 'h0' },
        { at: 237, kind: 'clock', host: 'h2', ms: 3_600_000 },
      ]),
      fullMesh: 3,
    },
  },
  {
    what: 'a host that lost its disk does not send to the peer that it was',
    scenario: {
      ...script(5050, 292, [
        { at: 0, kind: 'join', host: 'h2', dial: [], founds: false },
        { at: 0, kind: 'join', host: 'h4', dial: ['h2'], founds: false },
        { at: 0, kind: 'attach', host: 'h4', id: 'e2', ip: '10.32.0.1', mac: '02:00:00:00:00:11' },
        { at: 0, kind: 'stop', host: 'h4' },
        { at: 292, kind: 'restart', host: 'h4', disk: 'none' },
      ]),
      kernels: true,
    },
  },
  {
    what: 'nor when it has been launched again since',
    scenario: {
      ...script(20_103, 621, [
        { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
        { at: 0, kind: 'join', host: 'h3', dial: ['h1'], founds: false },
        { at: 0, kind: 'attach', host: 'h3', id: 'e1', ip: '10.32.0.1', mac: '02:00:00:00:00:11' },
        { at: 0, kind: 'stop', host: 'h3' },
        { at: 234, kind: 'restart', host: 'h3', disk: 'none' },
        { at: 406, kind: 'stop', host: 'h3' },
        { at: 621, kind: 'restart', host: 'h3', disk: 'kept' },
      ]),
      kernels: true,
      fullMesh: 3,
    },
  },
  {
    what: 'a host that lost power before its claim was written claims again when it has waited for the others in vain',
    scenario: {
      ...script(
        100_643,
        2_625,
        [
          { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
          { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
          { at: 0, kind: 'attach', host: 'h1', id: 'e5', ip: '10.32.0.141', mac: '02:00:00:00:00:03' },
          { at: 0, kind: 'detach', host: 'h1', id: 'e5' },
          { at: 2_625, kind: 'attach', host: 'h0', id: 'e216', ip: '10.32.0.70', mac: '02:00:00:00:00:03' },
          { at: 2_625, kind: 'powerOff', host: 'h0' },
          { at: 2_625, kind: 'restart', host: 'h0', disk: 'kept' },
          { at: 2_625, kind: 'stop', host: 'h1' },
        ],
        true,
      ),
      kernels: true,
    },
  },
  {
    what: 'to forget a peer twice is to forget it once',
    scenario: script(201_533, 468, [
      { at: 0, kind: 'join', host: 'h1', dial: [], founds: false },
      { at: 0, kind: 'join', host: 'h2', dial: ['h1'], founds: false },
      { at: 0, kind: 'join', host: 'h3', dial: ['h2'], founds: false },
      { at: 0, kind: 'crash', host: 'h1' },
      { at: 0, kind: 'restart', host: 'h1', disk: 'kept' },
      { at: 468, kind: 'crash', host: 'h1' },
      { at: 468, kind: 'forget', host: 'h2', peer: 'h1' },
      { at: 468, kind: 'crash', host: 'h2' },
      { at: 468, kind: 'restart', host: 'h2', disk: 'kept' },
      { at: 468, kind: 'forget', host: 'h2', peer: 'h1' },
    ]),
  },
  {
    what: 'of a life that was cut off and then set back, the middle may wait for ever for its beginning',
    scenario: script(
      50_845,
      6_761,
      [
        { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
        { at: 93, kind: 'join', host: 'h2', dial: ['h0'], founds: false },
        { at: 93, kind: 'wires', spec: { loss: 0.05 } },
        { at: 99, kind: 'attach', host: 'h0', id: 'e6', ip: '10.32.0.3', mac: '02:00:00:00:00:15' },
        { at: 99, kind: 'attach', host: 'h0', id: 'e8', ip: '10.32.0.1', mac: '02:00:00:00:00:17' },
        { at: 699, kind: 'attach', host: 'h0', id: 'e15', ip: '10.32.0.2', mac: '02:00:00:00:00:1e' },
        { at: 699, kind: 'attach', host: 'h0', id: 'e17', ip: '10.32.0.6', mac: '02:00:00:00:00:20' },
        { at: 946, kind: 'crash', host: 'h2' },
        { at: 1_050, kind: 'wires', spec: { duplicates: 0.5 } },
        { at: 5_091, kind: 'wires', spec: { loss: 0.5, duplicates: 0.5 } },
        { at: 5_973, kind: 'restart', host: 'h2', disk: 'kept' },
        { at: 6_761, kind: 'crash', host: 'h2' },
        { at: 6_761, kind: 'restart', host: 'h2', disk: 'old' },
      ],
      true,
    ),
  },
  {
    what: 'a way that its source has given up, whose setup comes after its end, does not take the place of one that stands',
    scenario: {
      ...script(60_400, 10_273, [
        { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
        { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
        { at: 0, kind: 'join', host: 'h3', dial: ['h1'], founds: false },
        { at: 0, kind: 'join', host: 'h5', dial: ['h3', 'h1'], founds: false },
        { at: 261, kind: 'partition', sides: [['h1', 'h3'], ['h0', 'h5'], []] },
        { at: 261, kind: 'clock', host: 'h0', ms: 60_000 },
        { at: 3_756, kind: 'relay', host: 'h3', to: 'h1', wanted: true },
        {
          at: 4_501,
          kind: 'partition',
          sides: [
            ['h0', 'h3'],
            ['h1', 'h5'],
          ],
        },
        { at: 4_632, kind: 'clock', host: 'h0', ms: 500 },
        { at: 4_634, kind: 'partition', sides: [['h3'], ['h0', 'h1'], ['h5']] },
        { at: 9_304, kind: 'relay', host: 'h1', to: 'h3', wanted: true },
      ]),
      sleeve: true,
    },
  },
  {
    what: 'of a peer that was forgotten, came back and left at once, a block may wait, but nothing old is kept',
    scenario: script(
      71_175,
      3_835,
      [
        { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
        { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
        { at: 63, kind: 'join', host: 'h4', dial: ['h1', 'h3'], founds: false },
        { at: 3_457, kind: 'powerOff', host: 'h1' },
        { at: 3_457, kind: 'forget', host: 'h0', peer: 'h1' },
        { at: 3_457, kind: 'wires', spec: { loss: 0.2, jitterMs: 30 } },
        { at: 3_611, kind: 'restart', host: 'h1', disk: 'kept' },
        { at: 3_835, kind: 'leave', host: 'h1' },
      ],
      true,
    ),
  },
  {
    what: 'behind a NAT that gives datagrams another port a router is alive to others and they to it',
    scenario: script(500_015, 0, [
      { at: 0, kind: 'join', host: 'h8', dial: [], founds: false },
      { at: 0, kind: 'join', host: 'h15', dial: [], founds: false },
      { at: 0, kind: 'nat', host: 'h8' },
      { at: 0, kind: 'nat', host: 'h8' },
    ]),
  },
  {
    what: 'what is said because of a frame and the answer to a ping that came with it leave as they are numbered',
    scenario: script(2, 2_698, [
      { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
      { at: 25, kind: 'join', host: 'h2', dial: ['h1', 'h0'], founds: false },
      { at: 25, kind: 'wires', spec: { loss: 0.2, latencyMs: 5 } },
      { at: 2_000, kind: 'crash', host: 'h0' },
      { at: 2_651, kind: 'restart', host: 'h0', disk: 'kept' },
    ]),
  },
  {
    what: 'an address that a liar claimed with the highest sequence can be had again when he is out, by whoever attaches it',
    scenario: script(5, 12_000, [
      { at: 0, kind: 'join', host: 'h0', dial: [], founds: true },
      { at: 0, kind: 'join', host: 'h1', dial: ['h0'], founds: false },
      { at: 0, kind: 'join', host: 'h2', dial: ['h0'], founds: false },
      { at: 0, kind: 'join', host: 'h3', dial: ['h0'], founds: false },
      { at: 2_000, kind: 'attach', host: 'h1', id: 'e1', ip: '10.32.0.4', mac: '02:00:00:00:00:11' },
      { at: 4_000, kind: 'forge', host: 'h3', about: 'h1', how: 'usurped' },
      { at: 6_000, kind: 'attach', host: 'h2', id: 'e2', ip: '10.32.0.4', mac: '02:00:00:00:00:11' },
      { at: 8_000, kind: 'evict', host: 'h0', peer: 'h3' },
      { at: 10_000, kind: 'detach', host: 'h2', id: 'e2' },
      { at: 12_000, kind: 'attach', host: 'h0', id: 'e3', ip: '10.32.0.4', mac: '02:00:00:00:00:11' },
    ]),
  },
];
