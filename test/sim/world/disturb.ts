// What other tools of a host do to what is ours in its kernel.
import type { FakeKernel } from '../../support/fake-kernel.js';

/** Rows are flushed, a link deleted or taken down, or all that goes unseen. */
export type Disturbance = 'flush' | 'deleteVxlan' | 'deleteBridge' | 'bridgeDown' | 'unseenFlush';

export function disturb(kernel: FakeKernel, how: Disturbance): void {
  const flush = (): void => ['mv-mesh', 'mb-mesh'].forEach((link) => kernel.pokeFlush(link));
  if (how === 'flush') flush();
  else if (how === 'unseenFlush') kernel.pokeUnseen(flush);
  else if (how === 'bridgeDown') kernel.pokeUp('mb-mesh', false);
  else kernel.pokeLinkDel(how === 'deleteVxlan' ? 'mv-mesh' : 'mb-mesh');
}
