// The control plane's public face. A router turns gossip into a forwarding table: it learns who exists (swim/), what each
// peer owns (gossip/), whom to talk to (connection/), and hands the datapath what changed. RouterCore is pure; Router is
// the shell that gives it sockets, time and a disk.
export { ed25519, type Signatures } from './gossip/signatures.js';
export { openStore } from './open-store.js';
export type { Remotes } from './peer-book.js';
export type { RelayFx } from './relay/shared.js';
export { RouterCore } from './router.js';
export type { RouterOptions } from './router-options.js';
export { loadIdentity, nextIncarnation, raiseIncarnation, type Identity } from './runtime/identity.js';
export { Incarnation } from './runtime/incarnation.js';
export { Log } from './runtime/log.js';
export { CannotListen, PortInUse, type NetworkEvent } from './runtime/network.js';
export { Router, type ConnectOutcome, type RouterHooks, type RouterWorld } from './runtime/router-shell.js';
export { systemClock } from './runtime/runtime.js';
export { loadTrust } from './runtime/load-trust.js';
export { stretch } from './runtime/stretch.js';
export { heldSecret, newestOf, onlySecret, type HeldSecret, type Secrets } from './trust/secrets.js';
export { Sockets } from './runtime/sockets.js';
export { StateDir, StateDirError } from './runtime/state-dir.js';
export { bytesFile, jsonFile } from './runtime/state-file.js';
export type { Session, SessionFx } from './session/side.js';
export { macViews, snapshotRouter, type PeerView, type RouterSnapshot } from './snapshot.js';
export { createSwimMembership } from './swim/swim-membership.js';
export { LAUNCH_BYTES } from './wire/hello.js';
export { ipKey, macKey, type NetRecord } from './wire/records.js';
