// `mesh demo --keep`: a shell among the three hosts.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Io } from '../command.js';
import { socketOf, type Stage } from './stage.js';

const RC = '/run/mesh-demo/bashrc';

/** Resolves when the shell ends. */
export async function openShell(stage: Stage, io: Io): Promise<void> {
  writeFileSync(RC, rcFile(stage));
  io.out('\n  A shell in the demo. The words host-1 host-2 host-3 web api db run a command there:\n');
  io.out('    host-1 mesh status          web ping 10.32.0.3          host-2 ip -d link\n');
  io.out('  `exit` takes everything down.\n');
  const shell = spawn('bash', ['--rcfile', RC, '-i'], { stdio: 'inherit' });
  await new Promise((resolve, reject) => shell.on('exit', resolve).on('error', reject));
}

function rcFile(stage: Stage): string {
  const [node, main] = stage.mesh(stage.hosts[0]!.name).argv.slice(-2);
  const place = (name: string, socket: string): string =>
    `${name}() { MESH_SOCKET=${socket} ip netns exec ${name} bash -c '[[ $1 == mesh ]] && exec "${node}" "${main}" "\${@:2}"; exec "$@"' ${name} "\${@:-bash}"; }`;
  return [
    "PS1='mesh demo $ '",
    ...stage.hosts.map(({ name }) => place(name, socketOf(name))),
    ...stage.containers.map(({ name, host }) => place(name, socketOf(host))),
    'mesh() { host-1 mesh "$@"; }',
    '',
  ].join('\n');
}
