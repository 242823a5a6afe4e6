// What all views share: what a peer is called, and how a reason and its remedy look.
import { shortPeer, type PeerId } from '../../router/types.js';
import type { StatusDocument } from '../api.js';
import { clean, wrap, type Look, type Style } from '../format.js';

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
