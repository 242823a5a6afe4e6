// The tables of a FakeKernel: what replaces what, what is refused, and what a delete compares.
import { isIpv6 } from '../../router/address.js';
import type { LinkIndex, Mac } from '../../router/types.js';
import type { Link, Row, RowOp } from '../../datapath/kernel.js';

export class FakeRows {
  readonly #rows = new Map<string, Row>();

  all(): Row[] {
    return [...this.#rows.values()];
  }

  hasMaster(mac: Mac, bridge: LinkIndex): boolean {
    return this.#rows.has(`master ${mac} ${bridge}`);
  }

  /** @returns the errno of a refusal. Deleting what is not there is done already. */
  perform({ op, row: asked }: RowOp, link: Link | undefined): string | undefined {
    const row =
      asked.kind !== 'master' && asked.kind !== 'neigh' && asked.port === link?.vxlan?.port
        ? { ...asked, port: 0 }
        : asked;
    const refusal = link === undefined ? 'ENODEV' : refusalOf(row, link);
    if (refusal !== undefined || link === undefined) return op === 'del' ? undefined : refusal;
    const key = keyOf(row, link);
    if (op === 'put') this.#rows.set(key, row);
    else if (isSame(this.#rows.get(key), row)) this.#rows.delete(key);
    return undefined;
  }

  drop(gone: (row: Row) => boolean): Row[] {
    const dropped: Row[] = [];
    for (const [key, row] of this.#rows) {
      if (!gone(row)) continue;
      this.#rows.delete(key);
      dropped.push(row);
    }
    return dropped;
  }
}

/** A bridge has one table for all its ports, so a MAC put behind another port moves. */
function keyOf(row: Row, link: Link): string {
  if (row.kind === 'self') return `self ${row.mac} ${row.link}`;
  if (row.kind === 'flood') return `flood ${row.dst} ${row.port} ${row.link}`;
  return row.kind === 'neigh' ? `neigh ${row.ip} ${row.link}` : `master ${row.mac} ${link.master}`;
}

function refusalOf(row: Row, link: Link): string | undefined {
  if (row.kind === 'neigh') return undefined;
  if (row.kind === 'master') return link.master === undefined ? 'EOPNOTSUPP' : undefined;
  if (link.kind !== 'vxlan') return 'EOPNOTSUPP';
  const local = link.vxlan?.local;
  return local !== undefined && isIpv6(local) !== isIpv6(row.dst) ? 'EAFNOSUPPORT' : undefined;
}

/** What the kernel compares before it deletes: a vxlan entry's destination and a bridge entry's port, no more. */
function isSame(have: Row | undefined, del: Row): boolean {
  if (have === undefined || have.kind !== del.kind || have.link !== del.link) return false;
  return have.kind !== 'self' || (del.kind === 'self' && have.dst === del.dst && have.port === del.port);
}
