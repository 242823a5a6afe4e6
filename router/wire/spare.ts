// Whether a router has a use for the connection that this comes over (FrameType.spare).

/** Spare, ours: 1 byte; what follows is ignored.
 *    off len field
 *     0   1  spare  1 = I have no use for this connection, 0 = I have one (again)                                  */
export const encodeSpare = (isSpare: boolean): Uint8Array => Uint8Array.of(Number(isSpare));

/** Never throws. @returns whether the sender can do without, or why it is dropped */
export function decodeSpare(b: Uint8Array): boolean | 'short' | 'range' {
  if (b.length < 1) return 'short';
  return b[0]! > 1 ? 'range' : b[0] === 1;
}
