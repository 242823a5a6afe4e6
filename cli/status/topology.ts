// The mesh as a tree from this host: direct peers first, those reached through others below them, the lost ones at the end.
import type { ConnectionStatus, EdgeStatus, PeerStatus, StatusDocument } from '../api.js';
import {
  clean,
  count,
  formatBytes,
  formatDuration,
  formatRtt,
  truncate,
  wrap,
  type Look,
  type Style,
} from '../format.js';
import { byText, drawTargets, labels, teller, type Tell } from './words.js';

interface Node {
  readonly id: string;
  readonly peer: PeerStatus | undefined; // undefined: this host
  readonly edge: EdgeStatus | undefined;
  readonly own: ConnectionStatus | undefined;
  readonly children: Node[];
  /** The direct peer above it, whom our messages to it pass first. */
  readonly hop: string;
}

/** @returns lines of at most `look.columns` characters, joined. */
export function renderTopology(doc: StatusDocument, look: Look): string {
  const name = labels(doc);
  const root = buildTree(doc, name);
  const reached = new Set(flatten(root).map((node) => node.id));
  const lost = doc.peers.filter((peer) => !reached.has(peer.id)).sort(byText((peer) => name(peer.id)));
  const words = { name, tell: teller(look) };
  const sections = [
    drawTree(root, look, words),
    drawLost(lost, doc, look, words),
    drawTargets(doc, look),
    footer(doc, reached.size, look),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

const answersNow = (peer: PeerStatus): boolean => peer.status === 'alive' || peer.status === 'suspect';

/** Breadth first, so that each peer hangs at its least distance; of several parents the one that messages really pass. */
function buildTree(doc: StatusDocument, name: (id: string) => string): Node {
  const peers = new Map(doc.peers.filter(answersNow).map((peer) => [peer.id, peer]));
  const own = new Map(doc.connections.map((connection) => [connection.peer, connection]));
  const edges = edgesByPeer(doc);
  const root: Node = { id: doc.self.id, peer: undefined, edge: undefined, own: undefined, children: [], hop: '' };
  const seen = new Set([root.id]);
  for (let level = [root]; level.length > 0;) {
    const candidates = new Map<string, { parent: Node; edge: EdgeStatus }[]>();
    for (const parent of level) {
      for (const [id, edge] of edges.get(parent.id) ?? []) {
        if (seen.has(id) || !peers.has(id)) continue;
        candidates.set(id, [...(candidates.get(id) ?? []), { parent, edge }]);
      }
    }
    level = [...candidates].sort(byText(([id]) => name(id))).map(([id, ways]) => {
      const peer = peers.get(id)!;
      const { parent, edge } = ways.find((way) => peer.reach === `via ${peers.get(way.parent.hop)?.name}`) ?? ways[0]!;
      const node: Node = { id, peer, edge, own: own.get(id), children: [], hop: parent.hop === '' ? id : parent.hop };
      parent.children.push(node);
      seen.add(id);
      return node;
    });
  }
  return root;
}

/** Both directions of each edge. Our own connections count at once, though their announcement may still be on its way. */
function edgesByPeer(doc: StatusDocument): ReadonlyMap<string, ReadonlyMap<string, EdgeStatus>> {
  const all = new Map<string, Map<string, EdgeStatus>>();
  const put = (from: string, to: string, edge: EdgeStatus): void => {
    all.set(from, (all.get(from) ?? new Map<string, EdgeStatus>()).set(to, edge));
  };
  for (const edge of doc.edges) {
    put(edge.from, edge.to, edge);
    put(edge.to, edge.from, edge);
  }
  for (const { peer, control, overlay, rttMs, mtu } of doc.connections) {
    if (control === 'up') put(doc.self.id, peer, { from: doc.self.id, to: peer, overlay, rttMs, mtu });
  }
  return all;
}

const flatten = (node: Node): Node[] => [node, ...node.children.flatMap(flatten)];

/** What a peer is called, and how its trouble is told. */
interface Words {
  readonly name: (id: string) => string;
  readonly tell: Tell;
}

interface Drawn {
  readonly guide: string;
  readonly label: string;
  readonly columns: readonly string[];
  readonly style: Style | undefined;
  readonly notes: readonly string[];
}

const HEADER = ['overlay', 'rtt', 'mtu', 'sent', 'received'];
const WIDTHS = [7, 7, 5, 7, 8];
const TAIL = WIDTHS.reduce((sum, width) => sum + width + 2, 0);

function drawTree(root: Node, look: Look, words: Words): string[] {
  const rows = [
    {
      guide: '',
      label: words.name(root.id),
      columns: root.children.length > 0 ? HEADER : [],
      style: 'dim' as const,
      notes: [],
    },
    ...root.children.flatMap((child, i) => drawNode(child, '', i === root.children.length - 1, look, words)),
  ];
  const widest = Math.max(...rows.map((row) => row.guide.length + row.label.length));
  const width = Math.min(widest, Math.max(12, look.columns - TAIL));
  return rows.flatMap((row, i) => {
    const label = truncate(row.label, Math.max(4, width - row.guide.length)).padEnd(width - row.guide.length);
    const tail = row.columns
      .map((text, c) => (c === 0 ? text.padEnd(WIDTHS[c]!) : text.padStart(WIDTHS[c]!)))
      .join('  ');
    const text = i === 0 ? look.paint('bold', label) : row.style ? look.paint(row.style, label) : label;
    const styled = row.style && tail !== '' ? look.paint(row.style, tail.trimEnd()) : tail.trimEnd();
    return [`${row.guide}${text}  ${styled}`.trimEnd(), ...row.notes];
  });
}

function drawNode(node: Node, before: string, last: boolean, look: Look, words: Words): Drawn[] {
  const below = before + (last ? '   ' : '│  ');
  const drawn: Drawn = {
    guide: before + (last ? '└─ ' : '├─ '),
    label: words.name(node.id),
    columns: columnsOf(node),
    style: styleOf(node),
    notes: notesOf(node, below + (node.children.length > 0 ? '│ ' : '  '), look, words),
  };
  return [
    drawn,
    ...node.children.flatMap((child, i) => drawNode(child, below, i === node.children.length - 1, look, words)),
  ];
}

const columnsOf = ({ edge, own }: Node): readonly string[] => [
  edge!.overlay,
  formatRtt(edge!.rttMs),
  edge!.mtu === null ? '-' : String(edge!.mtu),
  formatBytes(own?.txBytes ?? null),
  formatBytes(own?.rxBytes ?? null),
];

const carriesNothing = (node: Node): boolean => (node.own ?? node.edge)?.overlay === 'none';

function styleOf(node: Node): Style | undefined {
  if (carriesNothing(node)) return 'bad';
  return node.peer?.status === 'suspect' ? 'warn' : undefined;
}

function notesOf(node: Node, indent: string, look: Look, { name, tell }: Words): string[] {
  const { peer, own, hop, id } = node;
  const lines: string[] = [];
  if (peer!.status === 'suspect') {
    const lead = `suspect for ${formatDuration(peer!.sinceMs)}`;
    lines.push(...tell(name(id), peer!.reason, peer!.remedy, 'warn', indent, lead));
  }
  if (own === undefined) return lines;
  if (own.overlay === 'none') {
    const lead = `no data path for ${formatDuration(own.sinceMs)}`;
    return [...lines, ...tell(name(id), own.reason, own.remedy, 'bad', indent, lead)];
  }
  if (hop !== id) {
    const how = own.overlay === 'relay' ? 'through others' : 'directly';
    const text = `data goes there ${how}: ${own.overlay}, ${formatRtt(own.rttMs)}`;
    lines.push(...wrap(text, look.columns - indent.length, '').map((line) => indent + look.paint('dim', line)));
  }
  return own.reason === '' ? lines : [...lines, ...tell(name(id), own.reason, own.remedy, 'warn', indent)];
}

function drawLost(lost: readonly PeerStatus[], doc: StatusDocument, look: Look, { name, tell }: Words): string[] {
  if (lost.length === 0) return [];
  const rows = lost.flatMap((peer) => {
    const style = peer.status === 'faulty' ? 'bad' : 'warn';
    const label = truncate(name(peer.id), Math.floor(look.columns / 3));
    const overlay = doc.connections.find((connection) => connection.peer === peer.id)?.overlay ?? 'none';
    const facts = [
      answersNow(peer)
        ? `${peer.status}, but no path leads there`
        : `${peer.status} for ${formatDuration(peer.sinceMs)}`,
      peer.endpoints[0] === undefined ? '' : `last at ${clean(peer.endpoints[0])}`,
      overlay === 'none' ? '' : `data still goes by ${overlay}`,
    ];
    const text = facts.filter((fact) => fact !== '').join(', ');
    const head = wrap(text, look.columns, `  ${label}  `);
    const lines = head.map((line) => look.paint(style, line));
    return [...lines, ...tell(name(peer.id), peer.reason, peer.remedy, style, '    ')];
  });
  return [look.paint('bold', 'not reached'), ...rows];
}

function footer(doc: StatusDocument, reached: number, look: Look): string[] {
  if (doc.peers.length === 0) return ['no peers yet', '  try: mesh connect HOST'];
  const hosts = doc.peers.filter(answersNow).length + 1;
  const alive = new Set([doc.self.id, ...doc.peers.filter(answersNow).map((peer) => peer.id)]);
  const links = doc.edges.filter((edge) => alive.has(edge.from) && alive.has(edge.to)).length;
  const lost = doc.peers.length + 1 - reached;
  const text = `${count(reached, 'host')}${lost > 0 ? `, ${lost} not reached` : ''}; ${links} of ${(hosts * (hosts - 1)) / 2} possible connections`;
  return wrap(text, look.columns, '').map((line) => look.paint('dim', line));
}
