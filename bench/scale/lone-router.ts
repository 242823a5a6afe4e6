// A real router in a process of its own: lone-router.js STATE-DIR PORT PEER. Prints its id, then what it knows each 10 s.
import { boundHeap } from '../../cli/daemon/heap.js';
import { Sockets } from '../../router/index.js';
import type { Ip } from '../../router/types.js';
import { bareRouter } from '../support/bare-router.js';

boundHeap(); // as `mesh launch` does
const [stateDir, port, peer] = process.argv.slice(2) as [string, string, string];
const host = '127.0.0.1' as Ip;
const lone = await bareRouter(
  'lone',
  stateDir,
  Number(port),
  (sink) => new Sockets({ port: Number(port), host, sink }),
);
process.stdout.write(`${lone.router.core.self}\n`);
lone.start(peer);
setInterval(() => {
  const { book, claims } = lone.router.core.ledger;
  const alive = book.ids().filter((id) => book.get(id)?.state === 'alive').length;
  const endpoints = [...claims.holders('mesh' as never)].length / 2;
  process.stderr.write(`lone: ${alive} alive, ${endpoints} endpoints\n`);
}, 10_000);
