// Keeps the host's own forward chains from dropping what goes from container to container over our bridges.
import type { RunTool } from '../run-tool.js';
import {
  forwardChainNames,
  iptablesArgs,
  nftLine,
  parseIptables,
  parseNftChains,
  planForward,
  type Backend,
  type ForwardChain,
  type ForwardOp,
} from './forward-plan.js';
import { tableName } from './traffic-table.js';

/** The text of a file of /proc, or undefined when there is none. */
export type ReadProc = (path: string) => string | undefined;

export interface ForwardState {
  readonly ok: boolean;
  readonly reason: string;
  readonly remedy: string;
}

const UNNEEDED: ForwardState = { ok: true, reason: '', remedy: '' };

export class Forward {
  readonly #mark: string;
  readonly #run: RunTool;
  readonly #readProc: ReadProc;
  readonly #count: (name: string) => void;
  #state = UNNEEDED;
  #inserted = false;

  constructor(port: number, run: RunTool, readProc: ReadProc, count: (name: string) => void) {
    this.#mark = tableName(port);
    this.#run = run;
    this.#readProc = readProc;
    this.#count = count;
  }

  state(): ForwardState {
    return this.#state;
  }

  /** Looks at the chains and mends them. Cheap when bridged packets do not pass them: it reads two files. */
  async ensure(bridges: readonly string[]): Promise<void> {
    const families = ['ip', 'ip6'].filter(
      (f) => this.#readProc(`/proc/sys/net/bridge/bridge-nf-call-${f}tables`)?.trim() === '1',
    );
    if (families.length === 0 || (bridges.length === 0 && !this.#inserted)) {
      this.#state = UNNEEDED;
      return;
    }
    const chains = (await this.#chains()).filter((c) => c.family === 'inet' || families.includes(c.family));
    const refused = await this.#perform(planForward(chains, bridges));
    const dropping = chains
      .filter((c) => c.drops)
      .map((c) => `${c.backend === 'nft' ? 'nft' : c.backend} ${c.family} ${c.name}`);
    this.#inserted = dropping.length > 0;
    this.#state = describe(dropping, refused, bridges);
  }

  /** Takes every rule of ours away, whether it is needed or not. */
  async remove(): Promise<void> {
    await this.#perform(planForward(await this.#chains(), []));
    this.#inserted = false;
    this.#state = UNNEEDED;
  }

  async #chains(): Promise<readonly ForwardChain[]> {
    const listed = await this.#run('nft', ['-j', 'list', 'chains']);
    if (!listed.ok) return [...(await this.#iptables('iptables')), ...(await this.#iptables('ip6tables'))];
    const names = forwardChainNames(listed.stdout);
    const commands = names.map((c) => `list chain ${c.family} ${c.table} ${c.name}`).join('; ');
    const rules = commands === '' ? undefined : await this.#run('nft', ['-j', commands]);
    const legacy4 = await this.#legacy('/proc/net/ip_tables_names', 'iptables-legacy', 'iptables');
    const legacy6 = await this.#legacy('/proc/net/ip6_tables_names', 'ip6tables-legacy', 'ip6tables');
    return [...(rules?.ok === true ? parseNftChains(rules.stdout, this.#mark) : []), ...legacy4, ...legacy6];
  }

  /** The old tables are unknown to nft; the kernel lists them once somebody has used them. */
  async #legacy(proc: string, backend: Backend, older: Backend): Promise<readonly ForwardChain[]> {
    if (this.#readProc(proc)?.split('\n').includes('filter') !== true) return [];
    const chains = await this.#iptables(backend);
    return chains.length > 0 ? chains : this.#iptables(older);
  }

  async #iptables(backend: Backend): Promise<readonly ForwardChain[]> {
    const listed = await this.#run(backend, ['-w', '1', '-S']);
    return listed.ok ? parseIptables(listed.stdout, backend, this.#mark) : [];
  }

  /** @returns the first refusal */
  async #perform(ops: readonly ForwardOp[]): Promise<string | undefined> {
    let refused: string | undefined;
    const settle = (result: Awaited<ReturnType<RunTool>>, n: number): void => {
      if (!result.ok) refused ??= result.reason;
      else for (let i = 0; i < n; i++) this.#count('forward-changed');
    };
    const nft = ops.filter((o) => o.chain.backend === 'nft');
    if (nft.length > 0)
      settle(await this.#run('nft', ['-f', '-'], nft.map((o) => nftLine(o, this.#mark)).join('')), nft.length);
    for (const o of ops.filter((o) => o.chain.backend !== 'nft'))
      settle(await this.#run(o.chain.backend, iptablesArgs(o, this.#mark)), 1);
    return refused;
  }
}

function describe(dropping: readonly string[], refused: string | undefined, bridges: readonly string[]): ForwardState {
  if (dropping.length === 0) return UNNEEDED;
  const where = dropping.join(', ');
  if (refused === undefined)
    return { ok: true, reason: `${where} drops; accepted ${bridges.join(', ')} there`, remedy: '' };
  const remedy = bridges.map((b) => `iptables -I FORWARD -i ${b} -o ${b} -j ACCEPT`).join('; ');
  return { ok: false, reason: `${where} drops bridged packets, and the accept rule is refused: ${refused}`, remedy };
}
