// Which accept rules the host's own forward chains need so that bridged packets pass: pure. An accept in a table of ours
// would not do: every base chain has its own say, and the one that drops wins.
import { isRecord, list, nftItems } from './traffic-table.js';

/** `iptables` and its v6 twin speak for tables that nft cannot reach, or where there is no nft. */
export type Backend = 'nft' | 'iptables' | 'ip6tables' | 'iptables-legacy' | 'ip6tables-legacy';

export interface ForwardRule {
  /** nft's handle; undefined for iptables. */
  readonly handle: number | undefined;
  /** The bridge that a rule of ours accepts. */
  readonly ours: string | undefined;
  readonly jump: string | undefined;
}

/** A chain of the host. `hooked`: packets come to it by the forward hook. `drops`: what no rule accepts is lost. */
export interface ForwardChain {
  readonly backend: Backend;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hooked: boolean;
  readonly drops: boolean;
  readonly rules: readonly ForwardRule[];
}

export type ForwardOp =
  | { readonly op: 'insert'; readonly chain: ForwardChain; readonly bridge: string }
  | {
      readonly op: 'delete';
      readonly chain: ForwardChain;
      readonly bridge: string;
      readonly handle: number | undefined;
    };

/** Docker asks others to put their rules here, and never flushes it. */
export const DOCKER_CHAIN = 'DOCKER-USER';

/** What makes every dropping chain accept the bridges, and takes away rules of ours that nobody needs. */
export function planForward(chains: readonly ForwardChain[], bridges: readonly string[]): readonly ForwardOp[] {
  const targets = new Set(forwardTargets(chains));
  return chains.flatMap((chain) => {
    const wanted = targets.has(chain) ? bridges : [];
    const kept = new Set<string>();
    const surplus = chain.rules.filter((r) => {
      if (r.ours === undefined) return false;
      if (!wanted.includes(r.ours) || kept.has(r.ours)) return true;
      kept.add(r.ours);
      return false;
    });
    return [
      ...surplus.map((r): ForwardOp => ({ op: 'delete', chain, bridge: r.ours!, handle: r.handle })),
      ...wanted.filter((b) => !kept.has(b)).map((bridge): ForwardOp => ({ op: 'insert', chain, bridge })),
    ];
  });
}

/** The chains that our rules belong in: one for each that drops. */
export const forwardTargets = (chains: readonly ForwardChain[]): readonly ForwardChain[] =>
  chains.filter((c) => c.hooked && c.drops).map((c) => targetOf(c, chains));

function targetOf(base: ForwardChain, chains: readonly ForwardChain[]): ForwardChain {
  if (!base.rules.some((r) => r.jump === DOCKER_CHAIN)) return base;
  const same = (c: ForwardChain): boolean =>
    c.backend === base.backend && c.family === base.family && c.table === base.table && c.name === DOCKER_CHAIN;
  return chains.find(same) ?? base;
}

/** Where rules must be looked at: the filter chains of the forward hook, and Docker's beside them. */
export function forwardChainNames(listChainsJson: string): readonly { family: string; table: string; name: string }[] {
  const chains = nftItems(listChainsJson).flatMap((item) => (isRecord(item['chain']) ? [item['chain']] : []));
  const named = chains.map((c) => ({
    family: String(c['family']),
    table: String(c['table']),
    name: String(c['name']),
    base: c['type'] === 'filter' && c['hook'] === 'forward',
  }));
  const mayDrop = named.filter((c) => c.base && ['ip', 'ip6', 'inet'].includes(c.family));
  const docker = named.filter(
    (c) => c.name === DOCKER_CHAIN && mayDrop.some((b) => b.family === c.family && b.table === c.table),
  );
  return [...mayDrop, ...docker];
}

/** Reads `nft -j list chain`. @param mark the comment that our rules carry */
export function parseNftChains(json: string, mark: string): readonly ForwardChain[] {
  const items = nftItems(json);
  const rules = items.flatMap((item) => (isRecord(item['rule']) ? [item['rule']] : []));
  return items.flatMap((item) => {
    const c = item['chain'];
    if (!isRecord(c)) return [];
    const own = rules.filter(
      (r) => r['family'] === c['family'] && r['table'] === c['table'] && r['chain'] === c['name'],
    );
    const hooked = c['hook'] === 'forward';
    return [
      {
        backend: 'nft' as const,
        family: String(c['family']),
        table: String(c['table']),
        name: String(c['name']),
        hooked,
        drops: hooked && (c['policy'] === 'drop' || endsClosed(own.at(-1))),
        rules: own.map((r) => nftRule(r, mark)),
      },
    ];
  });
}

function nftRule(rule: Record<string, unknown>, mark: string): ForwardRule {
  const exprs = list(rule['expr']).filter(isRecord);
  const match = exprs.map((e) => e['match']).find(isRecord);
  const jump = exprs.map((e) => e['jump']).find(isRecord);
  return {
    handle: typeof rule['handle'] === 'number' ? rule['handle'] : undefined,
    ours: rule['comment'] === mark && typeof match?.['right'] === 'string' ? match['right'] : undefined,
    jump: typeof jump?.['target'] === 'string' ? jump['target'] : undefined,
  };
}

/** firewalld's way: the policy accepts, and the last rule rejects whatever came so far. */
function endsClosed(last: Record<string, unknown> | undefined): boolean {
  const kinds = list(last?.['expr']).flatMap((e) => (isRecord(e) ? Object.keys(e) : []));
  const verdict = kinds.at(-1);
  return (
    (verdict === 'drop' || verdict === 'reject') && kinds.slice(0, -1).every((k) => k === 'counter' || k === 'log')
  );
}

/** Reads `iptables -S`. */
export function parseIptables(text: string, backend: Backend, mark: string): readonly ForwardChain[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return ['FORWARD', DOCKER_CHAIN].flatMap((name) => {
    const head = lines.find((w) => (w[0] === '-P' || w[0] === '-N') && w[1] === name);
    if (head === undefined) return [];
    const own = lines.filter((w) => w[0] === '-A' && w[1] === name);
    const last = own.at(-1)?.slice(2).join(' ') ?? '';
    const hooked = name === 'FORWARD';
    const drops = hooked && (head[2] === 'DROP' || /^-j (DROP|REJECT)\b/.test(last));
    const family = backend.startsWith('ip6') ? 'ip6' : 'ip';
    return [{ backend, family, table: 'filter', name, hooked, drops, rules: own.map((w) => iptablesRule(w, mark)) }];
  });
}

function iptablesRule(words: readonly string[], mark: string): ForwardRule {
  const after = (flag: string): string | undefined =>
    words.includes(flag) ? words[words.indexOf(flag) + 1]?.replace(/^"(.*)"$/, '$1') : undefined;
  return { handle: undefined, ours: after('--comment') === mark ? after('-i') : undefined, jump: after('-j') };
}

/** The `nft -f -` line of an operation. */
export function nftLine({ chain: c, ...o }: ForwardOp, mark: string): string {
  const at = `rule ${c.family} ${c.table} ${c.name}`;
  return o.op === 'insert'
    ? `insert ${at} iifname "${o.bridge}" oifname "${o.bridge}" accept comment "${mark}"\n`
    : `delete ${at} handle ${o.handle}\n`;
}

/** The arguments of `iptables` for an operation. */
export const iptablesArgs = (o: ForwardOp, mark: string): readonly string[] => [
  ...['-w', '1', o.op === 'insert' ? '-I' : '-D', o.chain.name, '-i', o.bridge, '-o', o.bridge],
  ...['-m', 'comment', '--comment', mark, '-j', 'ACCEPT'],
];
