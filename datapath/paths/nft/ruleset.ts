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

  /**
   * Does what makes one commit of ours, or none if it is refused: the edition stays unless somebody else made one meanwhile.
   * @param isDone was it made?
   */
  async commit<T>(work: () => T | Promise<T>, isDone: (result: T) => boolean = () => true): Promise<T> {
    this.edition();
    const before = this.#generation;
    const result = await work();
    const after = this.#kernel.generation();
    // One commit when ours was refused is another's.
    if (before !== undefined && after === before + 1 && isDone(result)) this.#generation = after;
    return result;
  }
}
