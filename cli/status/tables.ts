// The views that are tables. A row that is not as it should be has its reason and remedy on lines of their own below it.
import { shortPeer, type PeerId } from '../../router/types.js';
import type { ConnectionStatus, StatusDocument } from '../api.js';
import {
  formatBytes,
  formatRtt,
  shortDuration,
  table,
  type Column,
  type Look,
  type Row,
  type Style,
} from '../format.js';
import { byText, drawTargets, labels, notes, SEALED, teller } from './words.js';

export type TableView = 'peers' | 'connections' | 'macs' | 'networks' | 'endpoints' | 'counters';

interface View {
  readonly columns: readonly Column[];
  readonly rows: (doc: StatusDocument, look: Look) => readonly Row[];
  /** Said instead of an empty table. */
  readonly none: string;
}

/** @returns the table, or a line that says that there is nothing to show. */
export function renderTable(view: TableView, doc: StatusDocument, look: Look): string {
  const { columns, rows, none } = VIEWS[view];
  const drawn = rows(doc, look);
  const targets = view === 'connections' ? drawTargets(doc, look) : [];
  const lines = drawn.length > 0 ? table(columns, drawn, look) : targets.length > 0 ? [] : [none];
  return [...lines, ...(lines.length > 0 && targets.length > 0 ? [''] : []), ...targets].join('\n');
}

const number = (n: number | null): string => (n === null ? '-' : String(n));

const PEER_STYLE: Readonly<Record<string, Style>> = { suspect: 'warn', faulty: 'bad', stopped: 'warn', left: 'dim' };

function peerRows(doc: StatusDocument, look: Look): readonly Row[] {
  const [name, tell] = [labels(doc), teller(look)];
  const { self } = doc;
  const first: Row = {
    cells: [name(self.id), shortPeer(self.id as PeerId), 'here', shortDuration(self.uptimeMs), '-', self.endpoints],
  };
  const others = [...doc.peers].sort(byText((peer) => name(peer.id))).map((peer): Row => {
    const style = PEER_STYLE[peer.status];
    const version = peer.version !== '' && peer.version !== doc.version ? `runs version ${peer.version}` : '';
    return {
      cells: [
        name(peer.id),
        shortPeer(peer.id as PeerId),
        peer.status,
        shortDuration(peer.sinceMs),
        peer.reach,
        peer.endpoints,
      ],
      ...(style && { style }),
      note: [
        ...notes(version, '', 'dim', '  ', look),
        ...tell(name(peer.id), peer.reason, peer.remedy, style ?? 'warn', '  '),
      ],
    };
  });
  return [first, ...others];
}

/** The port goes without saying where it is ours as well: the column is narrow. */
const portless = (address: string, port: number): string =>
  address.endsWith(`:${port}`) ? address.slice(0, -`:${port}`.length) : address;

function connectionRows(doc: StatusDocument, look: Look): readonly Row[] {
  const [name, tell] = [labels(doc), teller(look)];
  return [...doc.connections].sort(byText((connection) => name(connection.peer))).map((c): Row => {
    const style = connectionStyle(c);
    return {
      cells: [
        name(c.peer),
        portless(c.address, doc.self.port),
        c.control,
        c.overlay === 'vxlan' ? 'vxlan plain' : c.overlay,
        formatRtt(c.rttMs),
        number(c.mtu),
        formatBytes(c.txBytes),
        formatBytes(c.rxBytes),
        shortDuration(c.sinceMs),
      ],
      ...(style && { style }),
      note: tell(name(c.peer), c.reason, c.remedy, style ?? 'warn', '  '),
    };
  });
}

function connectionStyle({ control, overlay, reason }: ConnectionStatus): Style | undefined {
  if (control === 'idle' && reason === '') return 'dim';
  if (overlay === 'none') return 'bad';
  return control === 'down' || (reason !== '' && !reason.startsWith(SEALED)) ? 'warn' : undefined;
}

function macRows(doc: StatusDocument): readonly Row[] {
  const name = labels(doc);
  return [...(doc.macs ?? [])].sort(byText((mac) => `${mac.network} ${mac.mac}`)).map((mac): Row => ({
    cells: [mac.mac, mac.network, mac.local ? `${name(mac.peer)} (here)` : name(mac.peer), mac.ips],
  }));
}

const networkRows = (doc: StatusDocument): readonly Row[] =>
  [...doc.networks].sort(byText((network) => network.name)).map((n): Row => ({
    cells: [
      n.name,
      String(n.vni),
      String(n.mtu),
      n.range || '-',
      n.bridge || '-',
      String(n.localEndpoints),
      String(n.members),
      String(n.macs),
    ],
  }));

const ENDPOINT_STYLE: Readonly<Record<string, Style>> = { created: 'dim', gone: 'warn', conflict: 'bad' };

const endpointRows = (doc: StatusDocument, look: Look): readonly Row[] =>
  [...doc.endpoints].sort(byText((endpoint) => `${endpoint.target} ${endpoint.id}`)).map((e): Row => {
    const style = ENDPOINT_STYLE[e.state];
    return {
      cells: [
        e.target || e.id,
        e.network,
        e.ifname || '-',
        e.mac,
        e.ips,
        e.allowSpoof ? `${e.state}, unguarded` : e.state,
      ],
      ...(style && { style }),
      note: notes(e.reason, e.remedy, style ?? 'warn', '  ', look),
    };
  });

const counterRows = (doc: StatusDocument): readonly Row[] =>
  Object.entries(doc.counters)
    .filter(([, n]) => n !== 0)
    .sort(byText(([name]) => name))
    .map(([name, n]): Row => ({ cells: [name, String(n)] }));

const left = (header: string): Column => ({ header });
const cut = (header: string): Column => ({ header, shrink: true });
const right = (header: string): Column => ({ header, right: true });

const VIEWS: Readonly<Record<TableView, View>> = {
  peers: {
    columns: [cut('PEER'), left('ID'), left('STATUS'), right('FOR'), cut('REACH'), cut('ADDRESS')],
    rows: peerRows,
    none: '',
  },
  connections: {
    columns: [
      cut('PEER'),
      cut('ADDRESS'),
      left('CTRL'),
      left('OVERLAY'),
      right('RTT'),
      right('MTU'),
      right('SENT'),
      right('RECEIVED'),
      right('FOR'),
    ],
    rows: connectionRows,
    none: 'no connections yet\n  try: mesh connect HOST',
  },
  macs: {
    columns: [left('MAC'), cut('NETWORK'), cut('PEER'), cut('ADDRESSES')],
    rows: macRows,
    none: 'no MAC is known yet\n  try: mesh attach TARGET --ip 10.32.0.1/12',
  },
  networks: {
    columns: [
      cut('NETWORK'),
      right('VNI'),
      right('MTU'),
      cut('RANGE'),
      left('BRIDGE'),
      right('HERE'),
      right('MEMBERS'),
      right('MACS'),
    ],
    rows: networkRows,
    none: 'this host takes part in no network yet\n  try: mesh attach TARGET --ip 10.32.0.1/12',
  },
  endpoints: {
    columns: [cut('TARGET'), cut('NETWORK'), left('IFNAME'), left('MAC'), cut('ADDRESSES'), left('STATE')],
    rows: endpointRows,
    none: 'nothing is attached on this host yet\n  try: mesh attach TARGET --ip 10.32.0.1/12',
  },
  counters: {
    columns: [cut('COUNTER'), right('COUNT')],
    rows: counterRows,
    none: 'nothing was counted yet',
  },
};
