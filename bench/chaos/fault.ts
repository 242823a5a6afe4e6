// What may be done to a mesh, as data. Times are ms since the probes began; hosts are numbers from 0.

/** What another tool may do to the kernel tables of a host. */
export const TABLE_FAULTS = {
  bridgeFdb: { words: 'bridge FDB flushed', shell: 'bridge fdb flush dev mb-mesh' },
  vxlanFdb: { words: 'vxlan FDB flushed', shell: 'bridge fdb flush dev mv-mesh' },
  neighbours: { words: 'neighbours flushed', shell: 'ip neigh flush nud permanent dev mb-mesh' },
  nft: { words: 'nft table deleted', shell: 'nft delete table inet mesh_6785' },
  vxlan: { words: 'vxlan device deleted', shell: 'ip link del mv-mesh' },
} as const;
export type TableFault = keyof typeof TABLE_FAULTS;

export type Trouble =
  /** SIGKILL; launched again when it is over. */
  | { readonly kind: 'kill'; readonly host: number }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'freeze'; readonly host: number }
  /** The file system with the state directory is full. */
  | { readonly kind: 'disk'; readonly host: number }
  /** Frames to the host are dropped at random. @param percent 0 .. 100 */
  | { readonly kind: 'loss'; readonly host: number; readonly percent: number }
  | { readonly kind: 'cut'; readonly from: number; readonly to: number }
  /** Nothing passes from the one to the other; the other way is as before. */
  | { readonly kind: 'oneWay'; readonly from: number; readonly to: number }
  /** Nothing passes between these hosts and all others. */
  | { readonly kind: 'halves'; readonly side: readonly number[] }
  | { readonly kind: 'tables'; readonly host: number; readonly what: TableFault };

export type Fault = Trouble & {
  readonly atMs: number;
  /** 0 for what is done once. */
  readonly forMs: number;
};

export const KIND_WORDS: Readonly<Record<Fault['kind'], string>> = {
  kill: 'router killed (SIGKILL)',
  freeze: 'router frozen (SIGSTOP)',
  disk: 'disk full',
  loss: 'loss on the way to a host',
  cut: 'cut between two hosts',
  oneWay: 'cut in one direction',
  halves: 'cut into halves',
  tables: 'kernel tables flushed',
};

/** A fault as it was in force. */
export interface Happened {
  readonly fault: Fault;
  readonly fromMs: number;
  /** When it was over: mended, or for a killed router when it served again. Undefined while it lasts. */
  toMs: number | undefined;
}

/** Does the fault keep frames from passing from the one host to the other, or back? */
export function separates(fault: Trouble, a: number, b: number): boolean {
  switch (fault.kind) {
    case 'cut':
    case 'oneWay':
      return (fault.from === a && fault.to === b) || (fault.from === b && fault.to === a);
    case 'halves':
      return fault.side.includes(a) !== fault.side.includes(b);
    case 'kill':
    case 'freeze':
    case 'disk':
    case 'loss':
    case 'tables':
      return false;
  }
}

/** The host that a fault is done to; undefined for one between hosts. */
export const hostOf = (fault: Trouble): number | undefined => ('host' in fault ? fault.host : undefined);

export function describe(fault: Fault): string {
  const lasts = fault.forMs > 0 ? ` for ${(fault.forMs / 1000).toFixed(1)} s` : '';
  switch (fault.kind) {
    case 'loss':
      return `h${fault.host}: ${fault.percent} % loss${lasts}`;
    case 'cut':
      return `h${fault.from} and h${fault.to} cut apart${lasts}`;
    case 'oneWay':
      return `nothing from h${fault.from} to h${fault.to}${lasts}`;
    case 'halves':
      return `${fault.side.map((h) => `h${h}`).join(' ')} cut from the others${lasts}`;
    case 'tables':
      return `h${fault.host}: ${TABLE_FAULTS[fault.what].words}`;
    case 'kill':
    case 'freeze':
    case 'disk':
      return `h${fault.host}: ${KIND_WORDS[fault.kind]}${lasts}`;
  }
}
