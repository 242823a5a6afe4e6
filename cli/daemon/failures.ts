// What the kernel and the disk refuse, in words. What is in no list here is our own bug, and passes.
import { CannotListen, PortInUse, StateDirError } from '../../router/index.js';
import { KernelError } from '../../datapath/index.js';
import { EXIT, Failure } from '../command.js';
import { Refused } from './control.js';

/** Why `mesh launch` did not become a router. */
export function launchFailure(e: unknown): unknown {
  if (e instanceof StateDirError || e instanceof PortInUse || e instanceof CannotListen || e instanceof Refused)
    return new Failure(EXIT.refused, e.message, e.remedy);
  if (!(e instanceof KernelError)) return e;
  switch (e.errno) {
    case 'EPERM':
      return new Failure(EXIT.refused, 'it needs CAP_NET_ADMIN', 'sudo mesh launch');
    case 'EOPNOTSUPP': {
      const kind = /\btype (\w+)/.exec(e.op)?.[1] ?? 'vxlan and bridge';
      const instead = kind === 'vxlan' ? 'launch with --overlay auto' : 'a kernel that has it';
      const remedy = `sudo modprobe ${kind}, or ${instead}`;
      return new Failure(EXIT.refused, `this kernel has no ${kind} (${e.message})`, remedy);
    }
    default:
      return new Failure(EXIT.refused, `the kernel refused: ${e.message}`, 'ip -d link show');
  }
}

/** Why a request came to nothing. @param at the sandbox it was about, as typed */
export function requestFailure(e: unknown, at?: { readonly target: string; readonly ifname: string }): unknown {
  if (e instanceof StateDirError) return new Refused(e.message, e.remedy);
  if (!(e instanceof KernelError)) return e;
  const blocked = /^ip link add (m[bsvw]-\S+)/.exec(e.op)?.[1];
  if (e.errno === 'EEXIST' && blocked !== undefined)
    return new Refused(
      `the kernel refused: ${e.message}`,
      `see whose it is, and rename or delete it: ip -d link show ${blocked}`,
    );
  if (e.errno === 'EEXIST' && at !== undefined)
    return new Refused(
      `it has an interface "${at.ifname}" already`,
      `mesh attach ${at.target} --ifname ${anotherIfname(at.ifname)}, with the same --ip`,
    );
  if (/^ip netns exec/.test(e.op)) return new Refused('it is not a network namespace, or is gone', 'ip netns list');
  return new Refused(`the kernel refused: ${e.message}`, 'ip -d link show');
}

/** `eth0` → `eth1`, `lo` → `lo0`. */
const anotherIfname = (name: string): string => {
  const [, stem = '', digits = ''] = /^(.*?)(\d*)$/s.exec(name) ?? [];
  return `${stem}${digits === '' ? 0 : Number(digits) + 1}`;
};
