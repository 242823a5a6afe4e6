// What all views share: what a peer is called, and how a reason and its remedy look.
import { shortPeer, type PeerId } from '../../router/types.js';
import type { StatusDocument } from '../api.js';
import { clean, truncate, wrap, type Look, type Style } from '../format.js';

/** How the reason begins that a connection has when it is sealed by the operator's will: it is told, and is no problem. */
export const SEALED = 'sealed: ';

/** The name of each peer by id; with the short id behind it where two share a name. Unknown ids are shortened. */
export function labels(doc: StatusDocument): (id: string) => string {
  const all = [doc.self, ...doc.peers];
  const uses = new Map<string, number>();
  for (const { name } of all) uses.set(name, (uses.get(name) ?? 0) + 1);
  const short = (id: string): string => clean(shortPeer(id as PeerId));
  const label = new Map(
    all.map(({ id, name }) => [id, uses.get(name) === 1 && name !== '' ? clean(name) : `${clean(name)}(${short(id)})`]),
  );
  return (id) => label.get(id) ?? short(id);
}

/** Strings in code unit order: the same on every host, whatever its locale. */
export const byText =
  <T>(text: (value: T) => string) =>
  (a: T, b: T): number =>
    text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0;

/** `  ! reason` and `    try: remedy`, wrapped, each left out when empty. `indent` stands before every line, uncoloured. */
export function notes(reason: string, remedy: string, style: Style, indent: string, look: Look): string[] {
  const part = (text: string, mark: string, colour: Style): string[] =>
    text === ''
      ? []
      : wrap(clean(text), look.columns - indent.length, mark, ' '.repeat(mark.length)).map(
          (line) => indent + look.paint(colour, line),
        );
  return [...part(reason, '! ', style), ...part(remedy, '  try: ', 'dim')];
}

/** Says a reason with its remedy once, and from then on only who has the same: thirty peers behind one closed port fill no screen. */
export type Tell = (
  who: string,
  reason: string,
  remedy: string,
  style: Style,
  indent: string,
  lead?: string,
) => string[];

export function teller(look: Look): Tell {
  const told = new Map<string, string>();
  return (who, reason, remedy, style, indent, lead = '') => {
    if (reason === '' && remedy === '') return notes(lead, '', style, indent, look);
    const key = `${reason}\n${remedy}`;
    const first = told.get(key);
    if (first === undefined) told.set(key, who);
    const text = first === undefined ? reason : `as ${first}`;
    const sentence = [lead, text].filter((part) => part !== '').join(': ');
    return notes(sentence, first === undefined ? remedy : '', style, indent, look);
  };
}

/** Dial targets that are no peers yet, under a heading; nothing if there are none. */
export function drawTargets(doc: StatusDocument, look: Look): string[] {
  const open = doc.targets.filter(({ state }) => state !== 'connected' && state !== 'on demand');
  if (open.length === 0) return [];
  const tell = teller(look);
  const rows = open.flatMap(({ target, state, reason, remedy }) => [
    `  ${truncate(clean(target), look.columns - 14)}  ${state}`,
    ...tell(target, reason, remedy, 'warn', '    '),
  ]);
  return [look.paint('bold', 'dialled, not joined'), ...rows];
}
