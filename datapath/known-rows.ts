import type { LinkIndex, NetworkName } from '../router/types.js';
import type { Row } from './kernel.js';
import { slotOf } from './plan.js';
import { RowTable } from './row-table.js';

/**
 * What we believe the kernel has, for each network. A dump of a large table takes seconds and is old when it arrives;
 * what was written or reported gone in the meantime is known better, so it is kept over what the dump says.
 */
export class KnownRows {
  readonly #tables = new Map<NetworkName, RowTable>();
  /** Slots that changed since the dump began; undefined when none is under way. */
  #changed: Map<NetworkName, Map<string, Row>> | undefined;

  of(network: NetworkName): RowTable {
    const have = this.#tables.get(network) ?? new RowTable();
    this.#tables.set(network, have);
    return have;
  }

  put(network: NetworkName, row: Row): void {
    this.#note(network, row);
    this.of(network).put(row);
  }

  /** @returns false if this very row was not believed to be there */
  del(network: NetworkName, row: Row): boolean {
    this.#note(network, row);
    return this.of(network).del(row);
  }

  dropLink(index: LinkIndex): void {
    for (const table of this.#tables.values()) table.dropLink(index);
  }

  forget(network: NetworkName): void {
    this.#tables.delete(network);
  }

  dumpBegins(): void {
    this.#changed = new Map();
  }

  dumpFails(): void {
    this.#changed = undefined;
  }

  /** @param rows all the kernel had, at some moment since `dumpBegins`, on the links of `network` that exist */
  dumpEnds(dump: ReadonlyMap<NetworkName, readonly Row[]>): void {
    for (const [network, rows] of dump) {
      const changed = this.#changed?.get(network) ?? new Map<string, Row>();
      const [before, table] = [this.of(network), new RowTable()];
      for (const row of rows) if (!changed.has(slotOf(row))) table.put(row);
      for (const [slot, row] of changed) {
        const kept = rowsLike(before, row).find((r) => slotOf(r) === slot);
        if (kept) table.put(kept);
      }
      this.#tables.set(network, table);
    }
    this.#changed = undefined;
  }

  #note(network: NetworkName, row: Row): void {
    if (this.#changed === undefined) return;
    const slots = this.#changed.get(network) ?? new Map<string, Row>();
    this.#changed.set(network, slots.set(slotOf(row), row));
  }
}

function rowsLike(table: RowTable, row: Row): Row[] {
  if (row.kind === 'flood') return table.floods();
  return row.kind === 'neigh' ? table.ofIp(row.ip) : table.ofMac(row.mac);
}
