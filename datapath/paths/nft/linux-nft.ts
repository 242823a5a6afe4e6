// The nft of the host we run on.
import { LinuxNftKernel } from '../../netlink/nf-tables.js';
import { runTool } from '../run-tool.js';
import { Ruleset } from './ruleset.js';
import type { Nft } from './traffic.js';

/** One for all who keep tables there, so that none takes the others' commits for a stranger's. Opens nothing until it is used. */
export function linuxNft(): Nft {
  const kernel = new LinuxNftKernel();
  return { run: runTool, kernel, ruleset: new Ruleset(kernel) };
}
