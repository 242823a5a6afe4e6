// MessagePack (github.com/msgpack/msgpack/blob/master/spec.md), the one file behind which `msgpack-lite` is used.
// What it decodes is scanned first, so depth, size and types are settled before the library sees a byte.
import msgpack from 'msgpack-lite';

export const MAX_MSGPACK_BYTES = 65_535;
export const MAX_MSGPACK_DEPTH = 8;

/** What we put on the wire. Numbers are finite; integers beyond 32 bits travel as float64, so stay below 2^53. */
export type MsgpackValue =
  null | boolean | number | string | Uint8Array | readonly MsgpackValue[] | ReadonlyMap<string, MsgpackValue>;

/** What `encodeMsgpack` takes: objects become maps, undefined fields are left out. */
export type MsgpackInput =
  | undefined
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly MsgpackInput[]
  | ReadonlyMap<string, MsgpackInput>
  | { readonly [key: string]: MsgpackInput };

/** `type`: an extension, a 64-bit integer, a float32, NaN: nothing we send. `key`: a map key that is not text. */
export type MsgpackDrop = 'oversize' | 'short' | 'depth' | 'type' | 'key' | 'trailing';

const codec = msgpack.createCodec({ usemap: true });

/** Map keys are sorted, so equal values give equal bytes. */
export function encodeMsgpack(value: MsgpackInput): Uint8Array {
  // The library returns a view into a block of 2 KiB, which a kept value would hold in memory.
  return Uint8Array.from(msgpack.encode(canonical(value), { codec }));
}

/** @param maxBytes larger input is refused unread; at most MAX_MSGPACK_BYTES */
export function decodeMsgpack(
  bytes: Uint8Array,
  maxBytes = MAX_MSGPACK_BYTES,
): { readonly value: MsgpackValue } | MsgpackDrop {
  if (bytes.length > Math.min(maxBytes, MAX_MSGPACK_BYTES)) return 'oversize';
  const drop = scan(bytes);
  if (drop !== undefined) return drop;
  const value: unknown = msgpack.decode(bytes, { codec });
  return faultOf(value) ?? { value: value as MsgpackValue };
}

/** As `decodeMsgpack`, for what must be a map. */
export function decodeMsgpackMap(
  bytes: Uint8Array,
  maxBytes = MAX_MSGPACK_BYTES,
): ReadonlyMap<string, MsgpackValue> | MsgpackDrop {
  const decoded = decodeMsgpack(bytes, maxBytes);
  if (typeof decoded === 'string') return decoded;
  return decoded.value instanceof Map ? decoded.value : 'type';
}

function canonical(value: MsgpackInput): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (Array.isArray(value)) return (value as readonly MsgpackInput[]).map(canonical);
  if (value === null || typeof value !== 'object') return value ?? null;
  const entries: (readonly [string, MsgpackInput])[] =
    value instanceof Map ? [...(value as ReadonlyMap<string, MsgpackInput>)] : Object.entries(value);
  const kept = entries.filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(kept.map(([k, v]) => [k, canonical(v)]));
}

/** Walks the tokens without recursion: `open` holds how many values each open array or map still lacks. */
function scan(b: Uint8Array): MsgpackDrop | undefined {
  const open: number[] = [1];
  let at = 0;
  while (true) {
    while (open.at(-1) === 0) open.pop();
    if (open.length === 0) return at === b.length ? undefined : 'trailing';
    if (at >= b.length) return 'short';
    const token = readToken(b, at);
    if (token === undefined) return 'type';
    at += token.bytes;
    if (at > b.length || token.values > b.length - at) return 'short';
    open[open.length - 1]!--;
    if (token.values > 0 && open.length > MAX_MSGPACK_DEPTH) return 'depth';
    open.push(token.values);
  }
}

/** @returns the token's own length with its text or bytes, and the number of values that belong inside it */
function readToken(b: Uint8Array, at: number): { readonly bytes: number; readonly values: number } | undefined {
  const t = b[at]!;
  const u8 = b[at + 1] ?? 0;
  const u16 = (u8 << 8) | (b[at + 2] ?? 0);
  if (t < 0x80 || t >= 0xe0) return { bytes: 1, values: 0 };
  if (t < 0x90) return { bytes: 1, values: (t & 0x0f) * 2 };
  if (t < 0xa0) return { bytes: 1, values: t & 0x0f };
  if (t < 0xc0) return { bytes: 1 + (t & 0x1f), values: 0 };
  if (t === 0xc4 || t === 0xd9) return { bytes: 2 + u8, values: 0 };
  if (t === 0xc5 || t === 0xda) return { bytes: 3 + u16, values: 0 };
  if (t === 0xdc) return { bytes: 3, values: u16 };
  if (t === 0xde) return { bytes: 3, values: u16 * 2 };
  const scalar = SCALAR_BYTES.get(t);
  return scalar === undefined ? undefined : { bytes: scalar, values: 0 };
}

const SCALAR_BYTES: ReadonlyMap<number, number> = new Map([
  [0xc0, 1], // nil
  [0xc2, 1], // false
  [0xc3, 1], // true
  [0xcb, 9], // float64
  [0xcc, 2], // uint8 ..
  [0xcd, 3],
  [0xce, 5],
  [0xd0, 2], // int8 ..
  [0xd1, 3],
  [0xd2, 5],
]);

function faultOf(value: unknown): MsgpackDrop | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'type';
  const inner = value instanceof Map ? [...value.values()] : Array.isArray(value) ? (value as unknown[]) : [];
  if (value instanceof Map) for (const key of value.keys()) if (typeof key !== 'string') return 'key';
  for (const v of inner) {
    const drop = faultOf(v);
    if (drop !== undefined) return drop;
  }
  return undefined;
}
