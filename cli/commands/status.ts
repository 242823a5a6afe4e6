import { EXIT, UsageError, type Command } from '../command.js';
import { plain, type Look } from '../format.js';
import type { StatusDocument } from '../api.js';

const VIEWS = ['topology', 'peers', 'connections', 'macs', 'networks', 'endpoints'];

export const status: Command = {
  name: 'status',
  verb: 'show the status',
  args: '[view]',
  help:
    'Show what the router knows. With no VIEW, a summary with every problem and what to do about it. ' +
    `VIEW is one of ${VIEWS.join(', ')}.`,
  options: [{ flags: '--json', help: 'the whole status as one JSON object (macs only with the view macs)' }],
  examples: ['mesh status', 'mesh status topology', 'mesh status --json'],
  async run(input, { io, router }) {
    const view = input.args[0] ?? 'summary';
    if (view !== 'summary' && !VIEWS.includes(view)) {
      throw new UsageError(`view "${view}" is unknown, it is one of ${VIEWS.join(', ')}`, 'mesh status topology');
    }
    const document = await (await router()).status({ macs: view === 'macs' });
    if (input.flag('json')) io.out(JSON.stringify(document, undefined, 2));
    else io.out(await render(view, document, { columns: io.columns, paint: io.colour ? await colours() : plain }));
    return EXIT.done;
  },
};

async function render(view: string, document: StatusDocument, look: Look): Promise<string> {
  if (view === 'summary') return (await import('../status/summary.js')).renderSummary(document, look);
  if (view === 'topology') return (await import('../status/topology.js')).renderTopology(document, look);
  return (await import('../status/tables.js')).renderTable(view as 'peers', document, look);
}

async function colours(): Promise<Look['paint']> {
  const { styleText } = await import('node:util');
  const styles = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', bold: 'bold' } as const;
  return (style, text) => styleText(styles[style], text);
}
