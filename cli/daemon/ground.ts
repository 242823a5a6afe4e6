// What a launch takes for itself before anything else: the state directory, the control socket, the network namespace.
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadIdentity, raiseIncarnation, StateDir, type Identity, type Log } from '../../router/index.js';
import type { LaunchConfig } from '../options.js';
import { claimControl, Refused, type Control } from './control.js';
import { MeshSecret } from './mesh-secret.js';
import { endpointsFile, targetsFile, type EndpointsOnDisk, type TargetsOnDisk } from './state.js';

/** What is ours alone, and what the disk remembers. */
export interface Ground {
  readonly config: LaunchConfig;
  readonly log: Log;
  readonly dir: StateDir;
  /** No earlier launch has left state: whatever is of ours is of this launch. */
  readonly isNew: boolean;
  readonly control: Control;
  readonly identity: Identity;
  readonly secret: MeshSecret;
  readonly endpoints: EndpointsOnDisk;
  readonly targets: TargetsOnDisk;
}

/** Undone in reverse when a later step is refused. */
export type Undo = (() => unknown)[];

/** @throws StateDirError, Refused */
export async function takeGround(config: LaunchConfig, log: Log, undo: Undo): Promise<Ground> {
  const dir = StateDir.open(config.stateDir);
  const isNew = !hasState(dir);
  undo.push(() => {
    if (isNew) dir.erase();
    dir.close();
  });
  const control = await claimControl(config.socket, config.socketGroup, (e) =>
    log.write('bug', { message: (e as Error).message, stack: (e as Error).stack ?? '' }),
  );
  undo.push(() => control.close());
  undo.push(await claimNamespace());
  const endpoints = dir.load(endpointsFile) ?? { endpoints: [], exposed: [] };
  const targets = dir.load(targetsFile) ?? { targets: [], remotes: new Map<never, never>() };
  const identity = loadIdentity(dir);
  const founding = {
    choice: config.secret,
    peers: config.peers,
    wasInMesh: targets.targets.length > 0 || targets.remotes.size > 0,
  };
  const secret = await MeshSecret.load(dir, identity, founding, log);
  raiseIncarnation(dir, 0); // so that one that cannot be read is known of now
  return { config, log, dir, isNew, control, identity, secret, endpoints, targets };
}

/** A lock, a log or somebody else's file is no state of ours. */
const hasState = (dir: StateDir): boolean => readdirSync(dir.path).some((name) => /\.(json|bin)$/.test(name));

/**
 * Two routers in one network namespace would take each other's links away. Abstract sockets belong to the network
 * namespace, and go with the process. @returns lets go of it. @throws Refused
 */
async function claimNamespace(): Promise<() => void> {
  const claim = createServer();
  await new Promise<void>((resolve, reject) => {
    claim.once('error', () =>
      reject(new Refused('another router runs in this network namespace', 'ss -lxp | grep mesh')),
    );
    claim.listen('\0mesh-router', resolve);
  });
  claim.unref();
  return () => claim.close();
}
