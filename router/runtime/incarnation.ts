// The incarnation in force while a router runs. At a launch it is on disk before anything is sent; one that is raised later, since
// others suspected us or know a newer one, has to be answered at once, whatever the disk says.
import { MAX_INCARNATION, nextIncarnation, raiseIncarnation } from './identity.js';
import { StateDirError, type StateDir } from './state-dir.js';

export class Incarnation {
  readonly #dir: StateDir;
  readonly #onUnsaved: (e: StateDirError) => void;
  #inForce: number;
  #isUnsaved = false;

  /** @param onUnsaved it could not be written; what then is in force may be used again after a crash. @throws StateDirError */
  constructor(dir: StateDir, onUnsaved: (e: StateDirError) => void) {
    this.#dir = dir;
    this.#onUnsaved = onUnsaved;
    this.#inForce = nextIncarnation(dir);
  }

  get inForce(): number {
    return this.#inForce;
  }

  /**
   * On disk when it returns; on a disk that is full or gone in memory, until `save`. A crash before that is as a state directory
   * that was set back: we meet our own newer records, and raise again. To end, or to stay silent, would be worse: a full disk and
   * a suspicion together were the end of a router.
   * @returns what is in force now, above the given one
   */
  raise(above: number): number {
    this.#inForce = Math.max(this.#inForce, Math.min(above + 1, MAX_INCARNATION));
    this.#isUnsaved = true;
    this.save();
    return this.#inForce;
  }

  /** Tries again what the disk did not take. */
  save(): void {
    if (!this.#isUnsaved) return;
    try {
      this.#inForce = raiseIncarnation(this.#dir, this.#inForce - 1);
      this.#isUnsaved = false;
    } catch (e) {
      if (!(e instanceof StateDirError)) throw e;
      this.#onUnsaved(e);
    }
  }
}
