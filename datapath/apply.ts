// Performs plans: the half of reconciling that speaks to the kernel.
import { KernelError, type Kernel, type Link, type Row, type RowOp } from './kernel.js';
import type { KnownRows } from './known-rows.js';
import { isOurLink } from './names.js';
import type { Dirty, NetworkWant } from './network-want.js';
import { RowPlan, type LinkStep } from './plan.js';
import type { RowTable } from './row-table.js';

/** MACs and addresses planned before the event loop has its turn: some 2 ms. An answer on a socket takes several turns. */
const KEYS_PER_TURN = 600;
/** Plans that the kernel works on while the next is made. */
const PLANS_AHEAD = 4;

export interface LinksApplied {
  /** Every link as it is now. */
  readonly links: readonly Link[];
  /** Names of the links that were made or mended: what their rows are is not known. */
  readonly touched: ReadonlySet<string>;
  readonly refused: readonly KernelError[];
}

/** Takes the steps in order; one that is refused does not keep the others from being taken. */
export async function applyLinks(
  kernel: Kernel,
  have: readonly Link[],
  steps: readonly LinkStep[],
): Promise<LinksApplied> {
  if (steps.length === 0) return { links: have, touched: new Set(), refused: [] };
  const index = new Map(have.filter(isOurLink).map((link) => [link.name, link.index]));
  const touched = new Set<string>();
  const refused: KernelError[] = [];
  for (const step of steps) {
    try {
      const name = step.op === 'add' ? step.spec.name : step.name;
      await applyStep(kernel, index, step);
      touched.add(name);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refused.push(error);
    }
  }
  return { links: await kernel.links(), touched, refused };
}

async function applyStep(kernel: Kernel, index: Map<string, Link['index']>, step: LinkStep): Promise<void> {
  switch (step.op) {
    case 'add':
      index.set(step.spec.name, await kernel.linkAdd(step.spec));
      return;
    case 'del':
      await kernel.linkDel(step.index);
      index.delete(step.name);
      return;
    case 'blocked':
      throw new KernelError(`ip link add ${step.name}`, 'EEXIST', 'another program has a link of this name');
    case 'set': {
      const [at, master] = [index.get(step.name), step.master === undefined ? undefined : index.get(step.master)];
      if (at === undefined) return; // its `add` was refused, and is counted
      if (step.master !== undefined && master === undefined) return;
      await kernel.linkSet(at, { ...(master !== undefined && { master }), ...step.change });
    }
  }
}

/**
 * Brings the rows of one network's changed keys into the kernel.
 * @param tidy may rows that nobody wants be removed?
 * @returns what the kernel refused
 */
export async function applyRows(
  kernel: Kernel,
  network: NetworkWant,
  known: KnownRows,
  tidy: boolean,
): Promise<KernelError[]> {
  const refused: KernelError[] = [];
  const writing: Promise<void>[] = [];
  let plansMade = 0;
  for (const plan of plans(network, known)) {
    // `rows` may do what is little at once, and then nobody else has had a turn.
    if (++plansMade > 1) await new Promise(setImmediate);
    const ops = tidy ? plan.ops() : plan.ops().filter(({ op }) => op === 'put');
    // Before the kernel has done it, so that a notification of its loss that comes meanwhile is later than our belief.
    for (const { op, row } of ops) known[op](network.name, row);
    if (ops.length === 0) continue;
    const write = kernel.rows(ops).then((rows) => {
      for (const { op, error } of rows) refused.push(refuse(network, known, op, error));
    });
    write.catch(() => undefined); // it is awaited below, after others perhaps
    writing.push(write);
    if (writing.length >= PLANS_AHEAD) await writing.shift();
  }
  await Promise.all(writing);
  return refused;
}

/** The kernel did not do it: what is believed of the row is as before, and it is dirty again. */
export function refuse(network: NetworkWant, known: KnownRows, { op, row }: RowOp, error: KernelError): KernelError {
  if (op === 'put') known.del(network.name, row);
  else known.put(network.name, row);
  network.markRow(row);
  return error;
}

/** What is to be done for the changed keys of a network, some of them at a time. */
export function* plans(network: NetworkWant, known: KnownRows): IterableIterator<RowPlan> {
  const dirty = network.takeDirty();
  const table = known.of(network.name);
  let [plan, keys] = [new RowPlan(), 0];
  if (dirty.flood || dirty.all) plan.add(network.floods(), table.floods());
  for (const [want, have] of eachKey(network, table, dirty)) {
    plan.add(want, have);
    if (++keys % KEYS_PER_TURN !== 0) continue;
    yield plan;
    plan = new RowPlan();
  }
  yield plan;
}

/** Each key, with what is wanted and what is there for it. */
function* eachKey(network: NetworkWant, table: RowTable, dirty: Dirty): IterableIterator<[Row[], Row[]]> {
  const macs = dirty.all ? [network.macs()] : [dirty.macs, dirty.newMacs];
  const ips = dirty.all ? [network.ips()] : [dirty.ips, dirty.newIps];
  for (const some of macs) for (const mac of some) yield [network.rowsOfMac(mac), table.ofMac(mac)];
  for (const some of ips) for (const ip of some) yield [network.rowsOfIp(ip), table.ofIp(ip)];
  if (!dirty.all) return;
  for (const mac of table.macs()) if (!network.hasMac(mac)) yield [[], table.ofMac(mac)];
  for (const ip of table.ips()) if (!network.hasIp(ip)) yield [[], table.ofIp(ip)];
}
