// What the datapath asks of the router's sessions.
import { readFileSync } from 'node:fs';
import type { Router } from '../../router/index.js';
import type { DatapathReport } from '../../router/types.js';

export type SessionReport = Extract<DatapathReport, { kind: 'sessionWanted' | 'sessionWorn' }>;

/** @returns takes the datapath's reports, in their order */
export function createSessionRequests(router: Router): (report: SessionReport) => void {
  let isReady = false;
  return (report) => {
    if (!isReady) router.dispatch({ kind: 'sessions', aes: hasAes() });
    isReady = true;
    router.dispatch(report);
  };
}

/** Both x86 and ARM call the flag so. Where nothing says so, ChaCha20-Poly1305 is the better guess. */
function hasAes(): boolean {
  try {
    return /^(flags|Features)\s*:.*\baes\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
