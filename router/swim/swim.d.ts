// The public properties of npm `swim` 0.6.0 that we use; it comes without types.
declare module 'swim' {
  import type { EventEmitter } from 'node:events';

  namespace Swim {
    /** state: 0 alive, 1 suspect, 2 faulty. `meta` is carried along untouched. */
    interface Data {
      host: string;
      state: number;
      incarnation: number;
      meta?: string | undefined;
    }
    interface Message {
      type: number;
      data: object;
    }
    interface Options {
      local: { host: string; incarnation: number };
      disseminationFactor: number;
      udp: { maxDgramSize: number };
    }
  }

  class Swim {
    constructor(options: Swim.Options);
    codec: { encode(data: object): Uint8Array; decode(bytes: Uint8Array): object };
    failureDetector: { start(): void; stop(): void; on(): void; removeListener(): void };
    readonly disseminator: {
      readonly hostToAttempts: Readonly<Record<string, number>>;
      readonly attemptsToUpdates: Record<string, Record<string, unknown>>;
      onUpdate(data: Swim.Data): void;
      removeUpdate(data: { host: string }): void;
      getUpdatesUpTo(bytes: number): Buffer[];
    };
    readonly membership: EventEmitter & {
      readonly local: { readonly incarnation: number; data(): Swim.Data };
      readonly hostToMember: Record<string, Swim.Data>;
      readonly hostToFaulty: Record<string, Swim.Data>;
      readonly hostToIterable: Record<string, Swim.Data>;
      onUpdate(data: Swim.Data): void;
      sync(hosts: readonly string[]): void;
      all(hasLocal: boolean, hasFaulty: boolean): Swim.Data[];
      size: (hasLocal: boolean) => number;
    };
    readonly net: EventEmitter & {
      readonly udpSocket: { close(): void };
      listen: (callback: () => void) => void;
      close: () => void;
      sendBuffer: (bytes: Buffer, host: string) => void;
      sendMessage(message: Swim.Message, host: string): void;
      sendMessages(messages: readonly Swim.Message[], host: string): void;
      makeCompoundMessage(messages: Buffer[]): Buffer;
    };
    bootstrap(hosts: readonly string[], callback: (error?: Error) => void): void;
    leave(): void;
  }
  export = Swim;
}
