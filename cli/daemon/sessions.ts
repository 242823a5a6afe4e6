// What the datapath asks of the router's sessions: with the first question the library that makes them is loaded, which a
// router without a sleeve need not do.
import { readFileSync } from 'node:fs';
import { loadSessionOptions, type Log, type Router } from '../../router/index.js';
import type { DatapathReport } from '../../router/types.js';

export type SessionReport = Extract<DatapathReport, { kind: 'sessionWanted' | 'sessionWorn' }>;

/** @returns takes the datapath's reports, in their order */
export function createSessionRequests(router: Router, log: Log): (report: SessionReport) => void {
  let ready: Promise<void> | undefined;
  const enable = async (): Promise<void> => {
    try {
      router.dispatch({
        kind: 'sessions',
        options: await loadSessionOptions(hasAes(), () => router.core.trust.keys.session),
      });
    } catch (e) {
      log.write('sessions-refused', { reason: (e as Error).message });
    }
  };
  return (report) => void (ready ??= enable()).then(() => router.dispatch(report));
}

/** Both x86 and ARM call the flag so. Where nothing says so, ChaCha20-Poly1305 is the better guess. */
function hasAes(): boolean {
  try {
    return /^(flags|Features)\s*:.*\baes\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
