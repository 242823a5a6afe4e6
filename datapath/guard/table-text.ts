// A whole table of ours as the nft program reads it, with a mark by which a later router knows it for the same. Pure.
import { createHash } from 'node:crypto';
import type { NftTable } from '../nft-kernel.js';

export interface Chain {
  readonly name: string;
  /** `type filter hook input priority -310;`; undefined for one that is only jumped to. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

export interface TableText {
  readonly table: NftTable;
  /** What stands between the braces of each set. */
  readonly sets: Readonly<Record<string, string>>;
  readonly chains: readonly Chain[];
}

/** An empty set whose name changes with the table's text. */
export const markOf = (text: TableText): string =>
  `is_${createHash('sha256').update(body(text)).digest('hex').slice(0, 12)}`;

export const ruleCount = ({ chains }: TableText): number => chains.reduce((sum, { rules }) => sum + rules.length, 0);

/** Replaces the whole table in one commit, with nobody in its sets but those whose elements are in the text. */
export function loadScript(text: TableText): string {
  const name = `${text.table.family} ${text.table.name}`;
  return `table ${name}
delete table ${name}
table ${name} {
  set ${markOf(text)} { type mark; }
${body(text)}}
`;
}

/** Deleting what is not there is an error to nft, so it is made first. */
export const removeScript = ({ family, name }: NftTable): string =>
  `table ${family} ${name}\ndelete table ${family} ${name}\n`;

function body({ sets, chains }: TableText): string {
  const named = Object.entries(sets).map(([name, inside]) => `  set ${name} { ${inside} }\n`);
  const chain = ({ name, hook, rules }: Chain): string => {
    const lines = [...(hook === undefined ? [] : [hook]), ...rules];
    return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
  };
  // What is jumped to must be there before.
  return [...named, ...[...chains].reverse().map(chain)].join('');
}
