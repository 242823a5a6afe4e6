// `mesh status`: the state of this host in a screenful, then every problem with its reason and what to do about it.
import { shortPeer, type PeerId } from '../../router/types.js';
import type { Problem, StatusDocument } from '../api.js';
import { clean, count, formatDuration, wrap, type Look } from '../format.js';
import { labels, notes, SEALED } from './words.js';

const MAX_PROBLEMS = 8;
const MAX_NETWORKS = 4;
const MAX_TOGETHER = 3;
const LABEL = 13;

/** @returns lines of at most `look.columns` characters, joined. */
export function renderSummary(doc: StatusDocument, look: Look): string {
  const rows: readonly (readonly [string, string])[] = [
    ['address', doc.self.endpoints.map(clean).join(', ') || '-'],
    ['peers', peerCounts(doc)],
    ['secret', rotationLine(doc)],
    ['evicted', evictedNames(doc)],
    ['connections', connectionCounts(doc)],
    ['networks', networkLine(doc)],
    ['endpoints', tally(doc.endpoints.map((endpoint) => endpoint.state)) || 'none'],
    ['exposed', doc.exposed.flatMap((exposed) => exposed.ips.map(clean)).join(', ')],
  ];
  const facts = rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => wrap(text, look.columns, label.padEnd(LABEL), ' '.repeat(LABEL)))
    .map((line) => look.paint('dim', line.slice(0, LABEL)) + line.slice(LABEL));
  return [...title(doc, look), ...facts, '', ...problemLines(doc, look)].join('\n');
}

function title({ self, version }: StatusDocument, look: Look): string[] {
  const name = clean(self.name);
  const id = clean(shortPeer(self.id as PeerId));
  const text = `${name} (${id}), mesh ${version}, up ${formatDuration(self.uptimeMs)}, port ${self.port}`;
  const [first = '', ...rest] = wrap(text, look.columns, '');
  return [look.paint('bold', first), ...rest];
}

/** `3 up, 1 down`: most first, then by word. */
function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([word, n]) => `${n} ${word}`)
    .join(', ');
}

function peerCounts(doc: StatusDocument): string {
  if (doc.peers.length === 0) return 'none yet (try: mesh connect HOST)';
  const relayed = doc.peers.filter((peer) => peer.status === 'alive' && peer.reach.startsWith('via ')).length;
  return tally(doc.peers.map((peer) => peer.status)) + (relayed > 0 ? ` (${relayed} through others)` : '');
}

/** Only while the secret is being changed. */
function rotationLine({ rotation }: StatusDocument): string {
  if (rotation === null || rotation.isOver) return '';
  const { routers, without, oldEndsMs } = rotation;
  const some = without.slice(0, MAX_TOGETHER).map(({ name, why }) => `${clean(name)}: ${why}`);
  const more = without.length > MAX_TOGETHER ? [`${without.length - MAX_TOGETHER} more`] : [];
  const missing = without.length === 0 ? '' : `; not ${[...some, ...more].join(', ')}`;
  const rest = `the old one is accepted for ${formatDuration(oldEndsMs ?? 0)}`;
  return `being changed: ${routers - without.length} of ${count(routers, 'router')} have the new one, ${rest}${missing}`;
}

const evictedNames = ({ evicted }: StatusDocument): string =>
  evicted.map(({ id, name }) => `${clean(name)} (${clean(shortPeer(id as PeerId))})`).join(', ');

function connectionCounts(doc: StatusDocument): string {
  const overlays = tally(
    doc.connections.map(({ overlay, control }) => {
      if (control === 'idle') return 'on demand';
      return overlay === 'none' ? 'without data path' : overlay;
    }),
  );
  const dialled = doc.targets.filter(({ state }) => state !== 'connected' && state !== 'on demand').length;
  return (
    [overlays, dialled > 0 ? `${dialled} dialled, not joined` : ''].filter((text) => text !== '').join(', ') || 'none'
  );
}

function networkLine(doc: StatusDocument): string {
  if (doc.networks.length === 0) return 'none here yet (try: mesh attach TARGET)';
  const shown = doc.networks
    .slice(0, MAX_NETWORKS)
    .map((n) => `${clean(n.name)} (mtu ${n.mtu}, ${count(n.macs, 'mac')} on ${count(n.members, 'host')})`);
  const more = doc.networks.length - shown.length;
  return shown.join(', ') + (more > 0 ? `, ${more} more` : '');
}

function problemLines(doc: StatusDocument, look: Look): string[] {
  const all = group(problemsOf(doc));
  if (all.length === 0) return [look.paint('good', 'no problems')];
  const shown = all
    .slice(0, MAX_PROBLEMS)
    .flatMap(({ what, reason, remedy }) => [
      ...wrap(clean(what), look.columns, '  ').map((line) => look.paint('bold', line)),
      ...notes(reason, remedy, 'bad', '    ', look),
    ]);
  const more = all.length - MAX_PROBLEMS;
  return [
    look.paint('bad', count(all.length, 'problem')),
    ...shown,
    ...(more > 0 ? [`  and ${more} more`, '    try: mesh status --json'] : []),
  ];
}

/** The router's own list, and each reason elsewhere in the document that it does not hold: nothing imperfect goes unsaid. */
function problemsOf(doc: StatusDocument): readonly Problem[] {
  const name = labels(doc);
  const told = new Set(doc.problems.map((problem) => problem.reason));
  const found: readonly Problem[] = [
    ...doc.peers.map((p) => ({ ...p, what: `peer ${name(p.id)}, ${p.status} for ${formatDuration(p.sinceMs)}` })),
    ...doc.connections.map((c) => ({ ...c, what: `connection to ${name(c.peer)}` })),
    ...doc.targets.map((t) => ({ ...t, what: `peer ${t.target}, ${t.state}` })),
    ...doc.endpoints.map((e) => ({ ...e, what: `endpoint ${e.target || e.id}, ${e.state}` })),
  ];
  return [
    ...doc.problems,
    ...found.filter(({ reason }) => reason !== '' && !reason.startsWith(SEALED) && !told.has(reason)),
  ];
}

/** Those with one reason and one remedy become one: thirty peers behind one closed port are one problem. */
function group(problems: readonly Problem[]): readonly Problem[] {
  const groups = new Map<string, Problem[]>();
  for (const problem of problems) {
    const key = `${problem.reason}\n${problem.remedy}`;
    groups.set(key, [...(groups.get(key) ?? []), problem]);
  }
  return [...groups.values()].map((same) => ({ ...same[0]!, what: together(same.map((problem) => problem.what)) }));
}

function together(things: readonly string[]): string {
  const more = things.length - MAX_TOGETHER;
  return things.slice(0, MAX_TOGETHER).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
