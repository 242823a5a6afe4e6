// What Linux takes for the name of an interface.
const MAX_IFNAME_BYTES = 15; // linux/if.h: IFNAMSIZ less its NUL

/** The rule in words, for whoever broke it. */
export const IFNAME_RULE = `1 to ${MAX_IFNAME_BYTES} bytes without slash, colon or space`;

/** The kernel's own rule (net/core/dev.c, dev_valid_name), and no control characters, which would reach terminals. */
export const isIfname = (text: string): boolean =>
  /^[^\s/:\p{Cc}]+$/u.test(text) && text !== '.' && text !== '..' && Buffer.byteLength(text) <= MAX_IFNAME_BYTES;
