// What is to be said on a sealed stream.
import type { ConnId } from './connection.js';
import type { SecureStream } from '../trust/secure-stream.js';

/**
 * A frame that is sealed when its bytes are first asked for, not when it is thought of: records are numbered, and what is done about
 * the effects before it may say something on the same stream.
 */
export class Saying {
  readonly kind = 'send';
  readonly conn: ConnId;
  readonly #stream: SecureStream;
  readonly #frame: Uint8Array;
  #bytes: Uint8Array | undefined;

  /** @param frame encoded. @param stream its handshake is done */
  constructor(conn: ConnId, stream: SecureStream, frame: Uint8Array) {
    this.conn = conn;
    this.#stream = stream;
    this.#frame = frame;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= this.#stream.seal(this.#frame));
  }
}
