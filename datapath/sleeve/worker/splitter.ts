// A message that does not fit one datagram of the path, sent in parts.
import type { Memory } from '../native/memory.js';
import { OUTER_BYTES } from '../wire/datagram.js';
import { MAX_MESSAGE_BYTES, PART_HEADER_BYTES, writePartHeader } from '../wire/message.js';
import type { SendPeer } from './peers.js';
import { perCall, type Sender } from './sender.js';

/** A path too small for this is not used: IPv4 asks for 576 of every host (RFC 791 §3.1). */
const MIN_PART_BYTES = 256;

export class Splitter {
  /** Where the message is to be written. */
  readonly message: number;
  readonly #memory: Memory;
  readonly #sender: Sender;
  #set = 0;

  constructor(memory: Memory, sender: Sender) {
    this.#memory = memory;
    this.#sender = sender;
    this.message = memory.take(MAX_MESSAGE_BYTES + 1);
  }

  /** @param messageBytes of the message at `message`. @param at room for as many datagrams as one call takes */
  send(peer: SendPeer, messageBytes: number, at: number): void {
    const { bytes, view } = this.#memory;
    const partBytes = Math.max(MIN_PART_BYTES, peer.roomBytes - PART_HEADER_BYTES);
    const count = Math.ceil(messageBytes / partBytes);
    const stride = OUTER_BYTES + PART_HEADER_BYTES + partBytes + (peer.sealer?.tagBytes ?? 0);
    this.#set = (this.#set + 1) >>> 0;
    for (let first = 0; first < count; first += perCall(stride)) {
      const most = Math.min(perCall(stride), count - first);
      if (!this.#sender.reserve(peer, most)) return;
      let length = 0;
      for (let k = 0; k < most; k++) {
        const from = (first + k) * partBytes;
        const size = Math.min(partBytes, messageBytes - from);
        const part = at + k * stride + OUTER_BYTES;
        writePartHeader(view, part, this.#set, from, messageBytes);
        bytes.copyWithin(part + PART_HEADER_BYTES, this.message + from, this.message + from + size);
        length = k * stride + this.#sender.seal(peer, at + k * stride, PART_HEADER_BYTES + size);
      }
      this.#sender.send(peer, at, length, stride);
    }
  }
}
