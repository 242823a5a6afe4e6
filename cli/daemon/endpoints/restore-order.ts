// In which order endpoints come back from the disk, where the first to ask for an address gets it.
import { Refused } from '../control.js';
import type { StoredEndpoint } from './endpoint.js';
import { Holdings } from './holdings.js';
import type { NoTarget, ResolvedTarget } from './targets.js';

/** As they are; but if two hold one address, those whose sandbox exists come before the others. */
export async function restoreOrder(
  stored: readonly StoredEndpoint[],
  resolve: (text: string) => Promise<ResolvedTarget | NoTarget>,
): Promise<readonly StoredEndpoint[]> {
  if (!isClash(stored)) return stored;
  const isAlive = await Promise.all(
    stored.map(async ({ target }) => target !== '' && !('why' in (await resolve(target)))),
  );
  return [true, false].flatMap((alive) => stored.filter((_, i) => isAlive[i] === alive));
}

function isClash(stored: readonly StoredEndpoint[]): boolean {
  const holdings = new Holdings();
  try {
    for (const s of stored) if (s.stage !== 'gone') holdings.take(s, () => ({ who: s.id, remedy: '' }));
    return false;
  } catch (e) {
    if (e instanceof Refused) return true;
    throw e;
  }
}
