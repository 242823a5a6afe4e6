// A control stream from its first byte: the handshake, then frames in sealed records. It knows no peers.
import { FrameReader, type Frame } from '../wire/stream.js';
import { NEW_HANDSHAKE, stepHandshake, type Handshake, type HandshakeEvent, type HandshakeFx } from './handshake.js';
import type { Opener, Sealer, Trust } from './trust.js';

export type SecureItem =
  | (HandshakeFx & { readonly kind: 'say' | 'introduced' | 'refused' })
  /** From now on there are frames both ways. */
  | { readonly kind: 'sealed' }
  /** The body is a view: keep one and `slice()` it. */
  | (Frame & { readonly kind: 'frame' })
  /** Nothing follows. */
  | { readonly kind: 'bad'; readonly reason: 'forged' | 'oversize' };

interface Channel {
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly hash: Uint8Array;
  readonly keyId: string;
}

export class SecureStream {
  readonly #trust: Trust;
  readonly #reader = new FrameReader();
  #handshake: Handshake = NEW_HANDSHAKE;
  #channel: Channel | undefined;

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  /** Of the handshake, once it is done. */
  get hash(): Uint8Array | undefined {
    return this.#channel?.hash;
  }

  /** Of the secret that it is under, once the handshake is done. */
  get keyId(): string | undefined {
    return this.#channel?.keyId;
  }

  get isSealed(): boolean {
    return this.#channel !== undefined;
  }

  opened(dialled: boolean): readonly SecureItem[] {
    return this.#shake({ kind: 'opened', dialled });
  }

  received(bytes: Uint8Array): readonly SecureItem[] {
    return this.#channel === undefined ? this.#shake({ kind: 'received', bytes }) : this.#open(this.#channel, bytes);
  }

  /** After `introduced`. @param welcome whether it is answered at once */
  judged(welcome: boolean): readonly SecureItem[] {
    return this.#shake({ kind: 'judged', welcome });
  }

  /** @param frame encoded. @throws TypeError before the handshake is done: a bug of the caller */
  seal(frame: Uint8Array): Uint8Array {
    return this.#channel!.sealer.seal(frame);
  }

  #shake(ev: HandshakeEvent): readonly SecureItem[] {
    const [next, done] = stepHandshake(this.#handshake, ev, this.#trust);
    this.#handshake = next;
    return done.flatMap((fx): readonly SecureItem[] => {
      if (fx.kind !== 'sealed') return [fx];
      const { crypto } = this.#trust;
      const { sendKey, receiveKey, hash, keyId, rest } = fx;
      this.#channel = { sealer: crypto.sealer(sendKey), opener: crypto.opener(receiveKey), hash, keyId };
      return [{ kind: 'sealed' }, ...(rest.length > 0 ? this.#open(this.#channel, rest) : [])];
    });
  }

  #open({ opener }: Channel, bytes: Uint8Array): readonly SecureItem[] {
    const opened = opener.open(bytes);
    if (opened === 'forged') return [{ kind: 'bad', reason: opened }];
    return opened.flatMap((plain) =>
      this.#reader
        .push(plain)
        .map((frame) => (frame === 'oversize' ? { kind: 'bad', reason: frame } : { kind: 'frame', ...frame })),
    );
  }
}
