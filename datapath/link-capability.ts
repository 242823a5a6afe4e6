// What `status` says of the links that a datapath is made of. Pure.
import type { Capability } from './datapath.js';
import type { KernelError } from './kernel.js';
import { NO_VXLAN_REMEDY } from './paths/path-report.js';

type Part = 'bridge' | 'vxlan' | 'sleeve';

/** `start` made sure that the kernel has both, or can do without; else another program's link may be in our place. */
export function linkCapability(name: Part, hasVxlan: boolean, refusals: readonly KernelError[]): Capability {
  // The sentence that each connection has as well: so it is said once.
  if (name === 'vxlan' && !hasVxlan)
    return { name, ok: false, reason: 'vxlan: no kernel support', remedy: NO_VXLAN_REMEDY };
  const refusal = refusals.find(({ op }) => partOf(op) === name);
  if (refusal === undefined) return { name, ok: true, reason: '', remedy: '' };
  const remedy = refusal.errno === 'EEXIST' ? 'remove the link that is in the way: ip -d link show' : '';
  return { name, ok: false, reason: refusal.message, remedy };
}

/** Which part of the datapath the link is for that a command was about. */
const partOf = (op: string): Part => (/vxlan|m[vw]-/.test(op) ? 'vxlan' : /\bms-/.test(op) ? 'sleeve' : 'bridge');
