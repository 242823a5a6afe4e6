// Takes a secret out of what `ps` and /proc show of this process: its command line and the environment that it began with.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** proc(5): fields 48 to 51 of /proc/PID/stat are the addresses where the two areas begin and end. */
const FIRST_AREA_FIELD = 48;
/** What follows the name, which may itself have spaces and brackets, begins with field 3. */
const FIELDS_BEFORE = 3;

/**
 * Overwrites each occurrence in the process's own memory, where the kernel reads it; deleting it from `process.env` leaves it there.
 * Until this is called it can be seen, a moment after the start: whoever minds gives it on standard input or in a file.
 * @returns false where the kernel does not allow it
 */
export function conceal(secret: string): boolean {
  delete process.env.MESH_SECRET;
  if (secret === '') return true;
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [argStart, argEnd, envStart, envEnd] = fields.slice(FIRST_AREA_FIELD - FIELDS_BEFORE).map(Number);
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      blank(memory, argStart!, argEnd!, Buffer.from(secret));
      blank(memory, envStart!, envEnd!, Buffer.from(secret));
    } finally {
      closeSync(memory);
    }
    return true;
  } catch {
    return false;
  }
}

function blank(memory: number, start: number, end: number, secret: Buffer): void {
  const area = Buffer.alloc(end - start);
  readSync(memory, area, 0, area.length, start);
  for (let at = area.indexOf(secret); at >= 0; at = area.indexOf(secret, at + 1))
    writeSync(memory, Buffer.alloc(secret.length, '*'), 0, secret.length, start + at);
}
