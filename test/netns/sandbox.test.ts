import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../cli/demo/namespace.js';
import { eventually } from '../support/netns.js';

const SANDBOX = 'scripts/sandbox.sh';
/** Root inside the tests' own sandbox may become anyone only if it is the machine's root. */
const CAN_BECOME = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/ +/)[2] !== '1';
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env', 'HOME=/tmp'];
const USERS = CAN_BECOME ? [[], AS_NOBODY] : [[]];
const name = (user: readonly string[]): string => (user.length > 0 ? 'an ordinary user' : 'root');

/** Command lines of all processes that carry `mark`. */
const marked = (mark: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark)
      );
    } catch {
      return false; // it ended meanwhile
    }
  });

for (const user of USERS) {
  const inside = (script: string) => run([...user, SANDBOX, 'bash', '-c', script]);

  test(`${name(user)} is alone in there, with lo up and an empty /run`, async () => {
    const { stdout, code } = await inside(
      'id -u; ip -o link | wc -l; ls -A /run/netns; ps ax | wc -l; ping -c1 -W1 ::1 >/dev/null && echo $MESH_SANDBOX',
    );
    assert.equal(code, 0);
    assert.deepEqual(stdout.trim().split('\n'), ['0', '1', '5', '1']);
  });

  test(`${name(user)} may make namespaces, bridges and vxlan in there`, async () => {
    const { stderr, code } = await inside(
      'set -e; ip netns add x; ip -n x link add br0 type bridge; ip -n x link add vx0 type vxlan id 7 dstport 6785 local 127.0.0.1; ' +
        'ip -n x link set vx0 master br0 up; ip netns exec x nft add table inet t',
    );
    assert.equal(code, 0, stderr);
  });

  test(`the exit status is the command's, for ${name(user)}`, async () => {
    assert.equal((await inside('exit 7')).code, 7);
    assert.equal((await inside('kill -9 $$')).code, 137);
    assert.equal((await run([...user, SANDBOX, 'no-such-command'])).code, 127);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    test(`${signal} leaves nothing behind, for ${name(user)}`, async () => {
      const mark = `86400.${signal.length}${user.length}`;
      const argv = [...user, SANDBOX, 'bash', '-c', `setsid sleep ${mark} & sleep ${mark}`];
      const child: ChildProcess = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await eventually('both sleep', 5_000, () => Promise.resolve(marked(`sleep\0${mark}`).length === 2 || undefined));
      child.kill(signal);
      await ended;
      await eventually('all are gone', 5_000, () => Promise.resolve(marked(mark).length === 0 || undefined));
    });
  }
}
