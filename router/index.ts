// The control plane's public face. A router turns gossip into a forwarding table: it learns who exists (swim/), what each
// peer owns (gossip/), whom to talk to (connection/), and hands the datapath what changed. RouterCore is pure; Router is
// the shell that gives it sockets, time and a disk.
export { RouterCore, type RouterOptions } from './router.js';
export { Router, type ConnectOutcome, type RouterHooks, type RouterWorld } from './runtime/router-shell.js';
export { macViews, snapshotRouter, type PeerView, type RouterSnapshot } from './snapshot.js';
export { openStore } from './open-store.js';
export { Sockets } from './runtime/sockets.js';
export { CannotListen, PortInUse } from './runtime/network.js';
export { createSwimMembership } from './swim/swim-membership.js';
export { ipKey, macKey } from './wire/records.js';
export type { NetRecord } from './wire/records.js';
