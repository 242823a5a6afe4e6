// On which processors the calling thread may run, and which one the kernel receives on.
import { readFileSync } from 'node:fs';
import { nativeCall } from '../../syscalls.js';
import type { Memory } from './memory.js';

const MASK_BYTES = 128; // 1,024 processors, as glibc's cpu_set_t
const SOFTNET = '/proc/net/softnet_stat';
/** Column of the processor's number (net/core/net-procfs.c, since 5.10); before, a line is a processor that is online. */
const CPU_COLUMN = 12;

const cGet = nativeCall('libc', 'int sched_getaffinity(int pid, size_t bytes, uintptr_t mask)');
const cSet = nativeCall('libc', 'int sched_setaffinity(int pid, size_t bytes, uintptr_t mask)');

/** Owns the calling thread's affinity (sched_setaffinity(2)); a thread that is not bound has the mask that it began with. */
export class Affinity {
  readonly #memory: Memory;
  readonly #all: number;
  readonly #one: number;
  readonly #isKnown: boolean;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#all = memory.take(MASK_BYTES);
    this.#one = memory.take(MASK_BYTES);
    this.#isKnown = cGet?.(0, MASK_BYTES, memory.base + this.#all) === 0;
  }

  /** @param cpu undefined: any that it could run on at the start. @returns whether it is so; false where that is not allowed */
  bind(cpu: number | undefined): boolean {
    if (!this.#isKnown) return false;
    if (cpu === undefined) return this.#set(this.#all);
    const { bytes } = this.#memory;
    const [at, bit] = [cpu >>> 3, 1 << (cpu & 7)];
    if (at >= MASK_BYTES || (bytes[this.#all + at]! & bit) === 0) return false;
    bytes.fill(0, this.#one, this.#one + MASK_BYTES);
    bytes[this.#one + at] = bit;
    return this.#set(this.#one);
  }

  #set(mask: number): boolean {
    return cSet?.(0, MASK_BYTES, this.#memory.base + mask) === 0;
  }
}

/** @returns packets taken in since the start, by processor; empty where the kernel does not tell */
export function packetsByCpu(): ReadonlyMap<number, number> {
  try {
    return parseSoftnet(readFileSync(SOFTNET, 'latin1'));
  } catch {
    return new Map(); // no /proc
  }
}

export function parseSoftnet(table: string): Map<number, number> {
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return new Map(
    rows.map((row, i) => [Number.parseInt(row[CPU_COLUMN] ?? i.toString(16), 16), Number.parseInt(row[0]!, 16)]),
  );
}
