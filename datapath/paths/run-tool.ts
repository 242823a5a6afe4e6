// Other people's programs (nft, iptables) as children with a deadline: whatever they do, the caller gets an answer.
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 3_000;
const MAX_OUTPUT_BYTES = 64 << 20; // 100,000 set elements in nft's JSON are 10 MB

export type ToolResult =
  | { readonly ok: true; readonly stdout: string }
  /** `missing`: there is no such program. `reason`: the first line of what it complained about. */
  | { readonly ok: false; readonly missing: boolean; readonly reason: string };

export type RunTool = (name: string, args: readonly string[], stdin?: string) => Promise<ToolResult>;

/** Runs a program to its end, or for 3 s. Never rejects. */
export const runTool: RunTool = (name, args, stdin = '') =>
  new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    const options = { env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' as const, maxBuffer: MAX_OUTPUT_BYTES };
    try {
      const child = execFile(name, args, options, (error, stdout, stderr) => {
        if (error === null) resolve({ ok: true, stdout });
        else resolve(failure(name, error, stderr));
      });
      child.stdin?.on('error', () => undefined); // it may end before it has read everything: its exit code says why
      child.stdin?.end(stdin);
    } catch (error) {
      resolve(failure(name, error as Error, '')); // fork refused: EAGAIN, ENOMEM
    }
  });

function failure(name: string, error: Error & { code?: unknown; killed?: boolean }, stderr: string): ToolResult {
  // execvp(3): EACCES also where a folder on the PATH may not be read and no other has the program.
  if (error.code === 'ENOENT' || error.code === 'EACCES')
    return { ok: false, missing: true, reason: `no ${name} program` };
  if (error.killed === true) return { ok: false, missing: false, reason: `${name}: no answer in ${TIMEOUT_MS} ms` };
  const said = stderr.split('\n').find((line) => line.trim() !== '');
  return { ok: false, missing: false, reason: `${name}: ${said?.trim() ?? error.message}` };
}
