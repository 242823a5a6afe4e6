// Did anybody but us change the host's nft rules? To see it costs a system call where reading the rules costs a child.
import type { NftKernel } from '../../nft-kernel.js';

export class Ruleset {
  readonly #kernel: Pick<NftKernel, 'generation'>;
  #generation: number | undefined;
  #edition = 0;

  constructor(kernel: Pick<NftKernel, 'generation'>) {
    this.#kernel = kernel;
  }

  /** Another number when somebody else may have changed a rule, a set or an element. Undefined: that cannot be known. */
  edition(): number | undefined {
    const now = this.#kernel.generation();
    if (now !== this.#generation) this.#edition++;
    this.#generation = now;
    return now === undefined ? undefined : this.#edition;
  }

  /** Does what makes one commit of ours, or none: the edition stays unless somebody else made one meanwhile. */
  async commit<T>(work: () => T | Promise<T>): Promise<T> {
    this.edition();
    const before = this.#generation;
    const result = await work();
    const after = this.#kernel.generation();
    if (before !== undefined && after === before + 1) this.#generation = after;
    return result;
  }
}
