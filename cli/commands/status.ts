import { EXIT, sentence, UsageError, type Command } from '../command.js';
import { plain, type Look } from '../format.js';
import type { PeerStatus, StatusDocument } from '../api.js';

const OPEN = 'mesh: this mesh is open: whoever can reach the control port can join, read and write';
const VIEWS = ['topology', 'peers', 'connections', 'macs', 'networks', 'endpoints', 'counters', 'peer'];

export const status: Command = {
  name: 'status',
  verb: 'show the status',
  args: '[view] [peer]',
  help:
    'Show what the router knows. With no VIEW, a summary with every problem and what to do about it. ' +
    `VIEW is one of ${VIEWS.join(', ')}; peer is about one PEER, which is a name, an id, the beginning of an id, or an address.`,
  options: [{ flags: '--json', help: 'the whole status as one JSON object (macs only with the view macs)' }],
  examples: ['mesh status', 'mesh status topology', 'mesh status peer db1', 'mesh status --json'],
  async run(input, { io, router }) {
    const view = input.args[0] ?? 'summary';
    if (view !== 'summary' && !VIEWS.includes(view)) {
      throw new UsageError(`view "${view}" is unknown, it is one of ${VIEWS.join(', ')}`, 'mesh status topology');
    }
    const word = input.args[1];
    if (word !== undefined && view !== 'peer') throw new UsageError('too many arguments');
    if (word === undefined && view === 'peer') throw new UsageError('the view peer needs a PEER', 'mesh status peers');
    const document = await (await router()).status({ macs: view === 'macs' });
    const peer = word === undefined ? undefined : (await import('../status/peer.js')).findPeer(document, word);
    if (typeof peer === 'string') {
      io.err(sentence(`show the peer "${word}"`, peer, 'mesh status peers'));
      return EXIT.refused;
    }
    if (document.self.trust === 'open') io.err(OPEN);
    if (input.flag('json')) io.out(JSON.stringify(document, undefined, 2));
    else {
      const look = { columns: io.columns, paint: io.colour ? await colours() : plain };
      io.out(await render(view, peer, document, look));
    }
    return EXIT.done;
  },
};

async function render(
  view: string,
  peer: PeerStatus | undefined,
  document: StatusDocument,
  look: Look,
): Promise<string> {
  if (peer !== undefined) return (await import('../status/peer.js')).renderPeer(document, peer, look);
  if (view === 'summary') return (await import('../status/summary.js')).renderSummary(document, look);
  if (view === 'topology') return (await import('../status/topology.js')).renderTopology(document, look);
  return (await import('../status/tables.js')).renderTable(view as 'peers', document, look);
}

async function colours(): Promise<Look['paint']> {
  const { styleText } = await import('node:util');
  const styles = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', bold: 'bold' } as const;
  return (style, text) => styleText(styles[style], text);
}
