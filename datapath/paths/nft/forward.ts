// Keeps the host's own forward chains from dropping what goes from container to container over our bridges.
import type { RunTool, ToolResult } from '../run-tool.js';
import {
  forwardChainNames,
  forwardTargets,
  iptablesArgs,
  nftLine,
  parseIptables,
  parseNftChains,
  planForward,
  type Backend,
  type ForwardChain,
  type ForwardOp,
} from './forward-plan.js';
import type { Ruleset } from './ruleset.js';
import { tableName } from './traffic-table.js';
import type { Nft } from './traffic.js';

/** The text of a file of /proc, or undefined when there is none. */
export type ReadProc = (path: string) => string | undefined;

export interface ForwardState {
  readonly ok: boolean;
  readonly reason: string;
  readonly remedy: string;
}

/** The old tables of iptables do not show whether they changed: they are read again after so many times. */
const LEGACY_PATIENCE = 5;
const LEGACY = { iptables: '/proc/net/ip_tables_names', ip6tables: '/proc/net/ip6_tables_names' };

const UNNEEDED: ForwardState = { ok: true, reason: '', remedy: '' };

export class Forward {
  readonly #mark: string;
  readonly #run: RunTool;
  readonly #ruleset: Ruleset;
  readonly #readProc: ReadProc;
  readonly #count: (name: string) => void;
  #state = UNNEEDED;
  /** Where our rules are, and what was seen when they were put there. */
  #targets: readonly ForwardChain[] = [];
  #seen: string | undefined;
  #patience = 0;

  constructor(port: number, nft: Pick<Nft, 'run' | 'ruleset'>, readProc: ReadProc, count: (name: string) => void) {
    this.#mark = tableName(port);
    this.#run = nft.run;
    this.#ruleset = nft.ruleset;
    this.#readProc = readProc;
    this.#count = count;
  }

  /** Is there a rule of ours that somebody may remove? */
  get isNeeded(): boolean {
    return this.#targets.length > 0;
  }

  state(): ForwardState {
    return this.#state;
  }

  /** Looks at the chains and mends them. Cheap when nobody changed any, or bridged packets do not pass them: no child is run. */
  async ensure(bridges: readonly string[]): Promise<void> {
    const families = ['ip', 'ip6'].filter(
      (f) => this.#readProc(`/proc/sys/net/bridge/bridge-nf-call-${f}tables`)?.trim() === '1',
    );
    if (families.length === 0 || (bridges.length === 0 && this.#targets.length === 0)) {
      this.#state = UNNEEDED;
      return;
    }
    const edition = this.#ruleset.edition();
    const seen = `${families.join()} ${bridges.join()} ${edition}`;
    if (seen === this.#seen && (!this.#hasLegacy() || this.#patience-- > 0)) return;
    const all = await this.#chains(await this.#run('nft', ['-j', 'list', 'chains']));
    const chains = all.filter((c) => c.family === 'inet' || families.includes(c.family));
    const refused = await this.#perform(planForward(chains, bridges));
    this.#targets = forwardTargets(chains);
    const isSettled = refused === undefined && edition !== undefined && this.#targets.every((c) => c.backend === 'nft');
    this.#seen = isSettled ? seen : undefined;
    this.#patience = LEGACY_PATIENCE;
    this.#state = describe(chains, refused, bridges);
  }

  /** Takes every rule of ours away, whether it is needed or not. */
  async remove(): Promise<void> {
    await this.#perform(planForward(await this.#chains(await this.#run('nft', ['-j', 'list', 'chains'])), []));
    this.#targets = [];
    this.#seen = undefined;
    this.#state = UNNEEDED;
  }

  async #chains(listed: ToolResult): Promise<readonly ForwardChain[]> {
    if (!listed.ok) return [...(await this.#iptables('iptables')), ...(await this.#iptables('ip6tables'))];
    const nft = await this.#nftChains(forwardChainNames(listed.stdout));
    const legacy4 = await this.#legacy('iptables-legacy', 'iptables');
    const legacy6 = await this.#legacy('ip6tables-legacy', 'ip6tables');
    return [...nft, ...legacy4, ...legacy6];
  }

  /** One child each: of two list commands in one call, nft 1.0.6 finds only the last one's chain. */
  async #nftChains(names: readonly { family: string; table: string; name: string }[]): Promise<ForwardChain[]> {
    const chains: ForwardChain[] = [];
    for (const { family, table, name } of names) {
      const rules = await this.#run('nft', ['-j', 'list', 'chain', family, table, name]);
      if (rules.ok) chains.push(...parseNftChains(rules.stdout, this.#mark));
    }
    return chains;
  }

  /** The old tables are unknown to nft. */
  async #legacy(backend: Backend, older: 'iptables' | 'ip6tables'): Promise<readonly ForwardChain[]> {
    if (!this.#isUsed(LEGACY[older])) return [];
    const chains = await this.#iptables(backend);
    return chains.length > 0 ? chains : this.#iptables(older);
  }

  #hasLegacy(): boolean {
    return Object.values(LEGACY).some((proc) => this.#isUsed(proc));
  }

  /** The kernel lists them once somebody has used them. */
  #isUsed(proc: string): boolean {
    return this.#readProc(proc)?.split('\n').includes('filter') === true;
  }

  async #iptables(backend: Backend): Promise<readonly ForwardChain[]> {
    const listed = await this.#run(backend, ['-w', '1', '-S']);
    return listed.ok ? parseIptables(listed.stdout, backend, this.#mark) : [];
  }

  /** @returns the first refusal */
  async #perform(ops: readonly ForwardOp[]): Promise<string | undefined> {
    let refused: string | undefined;
    const settle = (result: ToolResult, n: number): void => {
      if (!result.ok) refused ??= result.reason;
      else for (let i = 0; i < n; i++) this.#count('forward-changed');
    };
    const nft = ops.filter((o) => o.chain.backend === 'nft');
    if (nft.length > 0) settle(await this.#commit(nft.map((o) => nftLine(o, this.#mark)).join('')), nft.length);
    for (const o of ops.filter((o) => o.chain.backend !== 'nft'))
      settle(await this.#run(o.chain.backend, iptablesArgs(o, this.#mark)), 1);
    return refused;
  }

  #commit(script: string): Promise<ToolResult> {
    return this.#ruleset.commit(
      () => this.#run('nft', ['-f', '-'], script),
      ({ ok }) => ok,
    );
  }
}

function describe(
  chains: readonly ForwardChain[],
  refused: string | undefined,
  bridges: readonly string[],
): ForwardState {
  const dropping = chains.filter((c) => c.drops);
  if (dropping.length === 0) return UNNEEDED;
  const where = dropping.map((c) => `${c.backend} ${c.family} ${c.table} ${c.name}`).join(', ');
  if (refused === undefined)
    return { ok: true, reason: `${where} drops; accepted ${bridges.join(', ')} there`, remedy: '' };
  const remedy = bridges.map((b) => `iptables -I FORWARD -i ${b} -o ${b} -j ACCEPT`).join('; ');
  return { ok: false, reason: `${where} drops bridged packets, and the accept rule is refused: ${refused}`, remedy };
}
