import { fastd } from './fastd.js';
import { nebula } from './nebula.js';
import { openvpn } from './openvpn.js';
import type { Rival } from './rival.js';
import { tinc } from './tinc.js';
import { wireguardGo } from './wireguard-go.js';

/** Whom the sleeve is compared with, the one that batches first. `make bench-peers` installs them. */
export const RIVALS: readonly Rival[] = [wireguardGo, tinc, openvpn, fastd, nebula];
