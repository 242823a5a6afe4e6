// `mesh status peer PEER`: all that is known of one peer, with what each overlay carried, and lost.
import { shortPeer, type PeerId } from '../../router/types.js';
import type { ConnectionStatus, PeerStatus, SleeveCounts, StatusDocument } from '../api.js';
import { clean, count, formatBytes, formatDuration, formatRtt, table, wrap, type Look, type Row } from '../format.js';
import { labels, notes } from './words.js';

const LABEL = 13;
const MIN_PREFIX = 4;

/** @param word a name, an id or the beginning of one, or an address. @returns in words why it is not one peer */
export function findPeer(doc: StatusDocument, word: string): PeerStatus | string {
  const isCalled = ({ id, name, endpoints }: Pick<PeerStatus, 'id' | 'name' | 'endpoints'>): boolean =>
    name === word || endpoints.includes(word) || (word.length >= MIN_PREFIX && id.startsWith(word));
  const [peer, ...others] = doc.peers.filter(isCalled);
  if (peer === undefined) return isCalled(doc.self) ? 'it is this host' : 'no peer is called so';
  return others.length === 0 ? peer : `${others.length + 1} peers are called so; use an id`;
}

/** @returns lines of at most `look.columns` characters, joined. */
export function renderPeer(doc: StatusDocument, peer: PeerStatus, look: Look): string {
  const connection = doc.connections.find((c) => c.peer === peer.id);
  const sections = [
    [...title(doc, peer, look), ...(connection === undefined ? [] : facts(connection, look))],
    ...(connection === undefined ? [] : counts(connection, doc.superFrameBounds, look)),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function title(doc: StatusDocument, peer: PeerStatus, look: Look): string[] {
  const id = clean(shortPeer(peer.id as PeerId));
  const name = labels(doc)(peer.id);
  const version = peer.version === '' ? '' : `, mesh ${clean(peer.version)}`;
  const text = `${name.includes(id) ? name : `${name} (${id})`}${version}, ${peer.status} for ${formatDuration(peer.sinceMs)}`;
  const [first = '', ...rest] = wrap(text, look.columns, '');
  const lines = fact('address', peer.endpoints.map(clean).join(', ') || '-', look);
  return [look.paint('bold', first), ...rest, ...lines, ...notes(peer.reason, peer.remedy, 'warn', '  ', look)];
}

const fact = (label: string, text: string, look: Look): string[] =>
  wrap(text, look.columns, label.padEnd(LABEL), ' '.repeat(LABEL)).map(
    (line) => look.paint('dim', line.slice(0, LABEL)) + line.slice(LABEL),
  );

const WHY: Readonly<Record<string, string>> = {
  lost: 'the one before did not answer',
  better: 'a better one works again',
  narrow: 'the one before is too narrow',
  dead: 'none answered',
  refused: 'the one before may not carry any more',
};

const CONTROL = { up: 'up', down: 'down', idle: 'on demand: connected while there is traffic; all is well' } as const;

const times = (n: number): string => count(n, 'time');

function facts(c: ConnectionStatus, look: Look): string[] {
  const data = [c.overlay, formatRtt(c.rttMs), c.mtu === null ? 'mtu -' : `mtu ${c.mtu}`].join(', ');
  const last = c.changedMs === null ? '' : `, the last ${formatDuration(c.changedMs)} ago: `;
  const hasKeys = c.overlays.sleeve !== null || c.overlays.relay !== null;
  const hasTime = c.control === 'up' && c.overlay !== 'none'; // else it is another thing's
  const why = last === '' ? '' : (WHY[c.changeReason] ?? clean(c.changeReason));
  return [
    ...fact('control', hasTime ? `up for ${formatDuration(c.sinceMs)}` : CONTROL[c.control], look),
    ...fact('data', c.overlay === 'none' ? 'goes nowhere' : data, look),
    ...notes(c.reason, c.remedy, c.overlay === 'none' ? 'bad' : 'warn', '  ', look),
    ...fact('overlays', `changed ${times(c.changes)}${last}${why}`, look),
    ...(hasKeys ? fact('keys', `replaced ${times(c.rekeys)}`, look) : []),
  ];
}

function counts({ overlays }: ConnectionStatus, bounds: readonly number[], look: Look): string[][] {
  const { vxlan, sleeve, relay } = overlays;
  const ways = [['sleeve', sleeve] as const, ['relay', relay] as const].flatMap(([name, way]) =>
    way === null ? [] : [{ name, way }],
  );
  const rows = [
    ...(vxlan === null ? [] : both('vxlan', [`${vxlan.txFrames}`, '-', '-'], [`${vxlan.rxFrames}`, '-', '-'], vxlan)),
    ...ways.flatMap(({ name, way }) =>
      both(
        name,
        [way.txFrames, way.txDatagrams, way.txSplit].map(String),
        [way.rxFrames, way.rxDatagrams, '-'].map(String),
        way,
      ),
    ),
  ];
  if (rows.length === 0) return [['nothing was counted yet']];
  return [table(TRAFFIC, rows, look), ...sizes(ways, bounds, look), ...drops(ways, look)];
}

const right = (header: string): { header: string; right: true } => ({ header, right: true });
const TRAFFIC = [
  { header: 'OVERLAY' },
  { header: '' },
  right('BYTES'),
  right('FRAMES'),
  right('DATAGRAMS'),
  right('SPLIT'),
];

const both = (
  name: string,
  sent: readonly string[],
  received: readonly string[],
  { txBytes, rxBytes }: { readonly txBytes: number; readonly rxBytes: number },
): readonly Row[] => [
  { cells: [name, 'sent', formatBytes(txBytes), ...sent] },
  { cells: ['', 'received', formatBytes(rxBytes), ...received] },
];

interface Way {
  readonly name: string;
  readonly way: SleeveCounts;
}

/** Super-frames by their segments, one line for each class. */
function sizes(ways: readonly Way[], bounds: readonly number[], look: Look): string[][] {
  const used = ways.filter(({ way }) => way.txFrames + way.rxFrames > 0);
  if (used.length === 0) return [];
  const columns = [
    right('SEGMENTS'),
    ...used.flatMap(({ name }) => [right(`${name.toUpperCase()} SENT`), right('RECEIVED')]),
  ];
  const classes = [...bounds.map((bound, i) => range((bounds[i - 1] ?? 0) + 1, bound)), `${(bounds.at(-1) ?? 0) + 1}+`];
  const rows = classes.map((label, i): Row => ({
    cells: [label, ...used.flatMap(({ way: { superFrames: s } }) => [s.tx[i] ?? 0, s.rx[i] ?? 0].map(String))],
  }));
  return [['frames by how many packets they hold', ...table(columns, rows, look)]];
}

const range = (from: number, to: number): string => (from === to ? `${to}` : `${from}-${to}`);

const MEANING: Readonly<Record<string, string>> = {
  'no-session': 'there were no keys to seal it with',
  'key-worn-out': 'the key had sealed too much',
  'socket-buffer': "the socket's buffer was full",
  'socket-error': 'the kernel refused to send it',
  short: 'nothing was in it',
  replay: 'it came before, or far too late',
  tag: 'it was forged, or damaged on the way',
  'tap-full': 'the host took no more frames',
  'tap-refused': 'the host refused the frame',
  'tap-lost': 'the TAP was gone',
  'unknown-network': 'this host takes no part in its network',
};
const NONSENSE = 'sealed by the peer, and makes no sense';

function drops(ways: readonly Way[], look: Look): string[][] {
  const rows = ways.flatMap(({ name, way }) =>
    Object.entries(way.drops).map(([reason, n]): Row => ({
      cells: [name, reason, String(n), MEANING[reason] ?? NONSENSE],
    })),
  );
  const columns = [{ header: 'DROPPED' }, { header: 'REASON' }, right('COUNT'), { header: '', shrink: true as const }];
  return rows.length === 0 ? [] : [table(columns, rows, look)];
}
