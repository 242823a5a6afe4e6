// All views of meshes of several shapes, as they are seen at 80 columns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { StatusDocument } from '../../../cli/api.js';
import { clean, plain, type Look } from '../../../cli/format.js';
import { renderPeer } from '../../../cli/status/peer.js';
import { renderSummary } from '../../../cli/status/summary.js';
import { renderTable, type TableView } from '../../../cli/status/tables.js';
import { renderTopology } from '../../../cli/status/topology.js';
import {
  connection,
  counted,
  document,
  edge,
  full,
  hub,
  idOf,
  line,
  peer,
  relayed,
  sleeves,
  sparse,
  trouble,
} from '../documents.js';
import { assertGolden } from '../golden.js';

const MESHES: Readonly<Record<string, StatusDocument>> = {
  alone: document(),
  three: full(3),
  thirty: full(30),
  hub: hub(11),
  line: line(5),
  trouble: trouble(),
  sleeves: sleeves(),
  relayed: relayed(),
  counted: counted(),
  sparse: sparse(),
};
const TABLES: readonly TableView[] = ['peers', 'connections', 'macs', 'networks', 'endpoints', 'counters'];
/** Meshes each of whose peers is looked at by itself. */
const ONE_BY_ONE: readonly (StatusDocument | undefined)[] = [MESHES['trouble'], MESHES['counted']];
const at80: Look = { columns: 80, paint: plain };

const views = (doc: StatusDocument, look: Look): readonly (readonly [string, string])[] => [
  ['', renderSummary(doc, look)],
  [' topology', renderTopology(doc, look)],
  ...TABLES.map((view) => [` ${view}`, renderTable(view, doc, look)] as const),
  ...(ONE_BY_ONE.includes(doc) ? doc.peers : []).map(
    (p) => [` peer ${clean(p.name)}`, renderPeer(doc, p, look)] as const,
  ),
];

for (const [name, doc] of Object.entries(MESHES)) {
  test(`every view of the mesh "${name}" is as it was looked at`, () => {
    const text = views(doc, at80).map(([view, shown]) => `$ mesh status${view}\n${shown}\n`);
    assertGolden(`status-${name}`, text.join('\n'));
  });

  test(`no line of the mesh "${name}" is wider than the terminal`, () => {
    for (const columns of [80, 100, 200]) {
      for (const [view, shown] of views(doc, { columns, paint: plain })) {
        for (const text of shown.split('\n')) assert.ok(text.length <= columns, `${view}: ${text.length}: ${text}`);
      }
    }
  });

  test(`colour changes nothing in the mesh "${name}" but colour`, () => {
    const coloured: Look = { columns: 80, paint: (_style, text) => `\u001b[31m${text}\u001b[39m` };
    const stripped = views(doc, coloured).map(([view, shown]) => [view, stripVTControlCharacters(shown)]);
    assert.deepEqual(stripped, views(doc, at80));
  });
}

test('a peer hangs below the one that messages to it really pass', () => {
  const relayed = peer(3, { reach: 'via gamma' });
  const doc = document({
    peers: [peer(1), peer(2), relayed],
    connections: [connection(1), connection(2)],
    edges: [edge(0, 1), edge(0, 2), edge(1, 3), edge(2, 3)],
  });
  assert.match(renderTopology(doc, at80), /└─ gamma .*\n {3}└─ delta /);
  const other = { ...doc, peers: [peer(1), peer(2), { ...relayed, reach: 'via beta' }] };
  assert.match(renderTopology(other, at80), /├─ beta .*\n│ {2}└─ delta /);
});

test('a faulty peer relays for nobody', () => {
  const doc = document({
    peers: [peer(1, { status: 'faulty', reach: 'none' }), peer(2, { reach: 'none' })],
    connections: [connection(1)],
    edges: [edge(0, 1), edge(1, 2)],
  });
  assert.match(
    renderTopology(doc, at80),
    /not reached\n {2}beta {2}faulty.*\n {2}gamma {2}alive, but no path leads there/,
  );
});

test('thirty peers behind one closed port are one problem, told once', () => {
  const reason = 'vxlan: probes lost';
  const doc = {
    ...full(30),
    connections: full(30).connections.map((c) => ({ ...c, overlay: 'none' as const, reason })),
  };
  assert.match(
    renderSummary(doc, at80),
    /\n1 problem\n {2}connection to beta; .*; and 26 more\n {4}! vxlan: probes lost$/,
  );
  assert.equal(renderTopology(doc, at80).split(reason).length - 1, 1);
});

test('what the router lists as a problem is not said again from where it came', () => {
  const reason = 'no answer to probes';
  const doc = document({
    peers: [peer(1, { status: 'faulty', reason })],
    problems: [{ what: 'peer beta', reason, remedy: '' }],
  });
  assert.match(renderSummary(doc, at80), /\n1 problem\n {2}peer beta\n/);
});

test('two peers of one name are told apart by their ids', () => {
  const doc = document({
    peers: [peer(1), peer(2, { name: 'beta' })],
    connections: [connection(1)],
    edges: [edge(0, 1), edge(0, 2)],
  });
  const text = renderTopology(doc, at80);
  for (const i of [1, 2]) assert.ok(text.includes(`beta(${idOf(i).slice(0, 8)})`));
});

test('a mesh of 1000 is drawn in a moment, cycles and all', () => {
  const ids = Array.from({ length: 999 }, (_, i) => i + 1);
  const id = (i: number): string => i.toString(16).padStart(32, '0');
  const doc = document({
    peers: ids.map((i) => ({ ...peer(1), id: id(i), name: `host-${i}` })),
    edges: ids.flatMap((i) =>
      [1, 7, 31].map((step) => ({ ...edge(0, 1), from: i === 1 ? idOf(0) : id(i), to: id((i * step) % 1000) })),
    ),
  });
  assert.ok(renderTopology(doc, at80).split('\n').length >= 1000);
});
