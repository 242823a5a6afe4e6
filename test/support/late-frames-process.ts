// A detour on the switch: frames that are sent out of this TAP come back into it a little later, in another order, and some of
// them twice. With a random part of the traffic led here, the rest overtakes it.
//
//   usage: late-frames-process.js TAP SEED
import { read, write } from '../../datapath/sleeve/native/io.js';
import { createMemory } from '../../datapath/sleeve/native/memory.js';
import { IFREQ, openTap } from '../../datapath/sleeve/native/tap.js';
import { seededRandom } from './virtual-time.js';

/** They are let go this often, ms, so that each is late by up to as much. */
const TICK_MS = 2;
const TWICE = 0.3;
const FRAME_BYTES = 70_000;
/** More than comes in a tick; what does not fit stays in the TAP. */
const MAX_FRAMES = 400;

const [name = '', seed = ''] = process.argv.slice(2);
const memory = createMemory(MAX_FRAMES * 12_000);
const fd = openTap(memory, memory.take(IFREQ), name).fd;
const frames = memory.take(memory.bytes.length - 8_192);
const end = memory.bytes.length - FRAME_BYTES;

/** One seed, one order. */
const random = seededRandom(Number(seed));

function letGo(): void {
  const held: { readonly at: number; readonly length: number; readonly place: number }[] = [];
  for (let at = frames; at < end && held.length < MAX_FRAMES;) {
    const length = read(fd, memory.base + at, FRAME_BYTES);
    if (length < 0) break;
    for (let copies = random() < TWICE ? 2 : 1; copies > 0; copies--) held.push({ at, length, place: random() });
    at += length;
  }
  for (const { at, length } of held.sort((x, y) => x.place - y.place)) write(fd, memory.base + at, length);
}

console.log('listens');
setInterval(letGo, TICK_MS);
