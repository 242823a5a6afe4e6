import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVENTS, Log } from '../../../router/runtime/log.js';

/** A log whose lines and clock a test holds. */
function logOf(format: 'text' | 'json'): { log: Log; lines: string[]; tick: (ms: number) => void } {
  const lines: string[] = [];
  let at = new Date(2026, 0, 2, 23, 5, 1).getTime();
  const log = new Log({ format, write: (line) => lines.push(line), now: () => new Date(at) });
  return { log, lines, tick: (ms) => (at += ms) };
}

test('a line is the time, the event and its fields, with ids short', () => {
  const { log, lines } = logOf('text');
  log.write('peer-alive', { peer: 'web1', id: 'a1b2c3d4'.repeat(4), afterMs: 12, nothing: undefined });
  log.write('dial-refused', { target: 'host-b', reason: 'what answers is not a mesh router' });
  assert.deepEqual(lines, [
    '23:05:01 peer-alive         peer=web1 id=a1b2c3d4 afterMs=12\n',
    '23:05:01 dial-refused       target=host-b reason="what answers is not a mesh router"\n',
  ]);
});

test('JSON has the event, its level, the time and the fields as they are', () => {
  const { log, lines } = logOf('json');
  log.write('peer-faulty', { peer: 'web1', id: 'a1b2c3d4'.repeat(4) });
  assert.equal(lines.length, 1);
  const time = new Date(2026, 0, 2, 23, 5, 1).toISOString();
  assert.deepEqual(JSON.parse(lines[0]!), {
    level: 'warn',
    time,
    peer: 'web1',
    id: 'a1b2c3d4'.repeat(4),
    event: 'peer-faulty',
  });
});

test('no field can forge a second line or write on the terminal', () => {
  const hostile = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u202egnp.exe', 'a\u200bb', '\u{e0001}x'));
  fc.assert(
    fc.property(hostile, (text) => {
      for (const format of ['text', 'json'] as const) {
        const { log, lines } = logOf(format);
        log.write('peer-alive', { peer: text });
        assert.equal(lines.length, 1);
        assert.equal(lines[0]!.indexOf('\n'), lines[0]!.length - 1);
        if (format === 'text') assert.doesNotMatch(lines[0]!.trimEnd(), /\p{Cc}|\p{Cf}/u);
      }
    }),
  );
});

test('what strangers cause is one line per peer and minute, and the next says how many were left out', () => {
  const { log, lines, tick } = logOf('text');
  for (let i = 0; i < 5; i++) log.write('input-dropped', { peer: 'a', reason: 'short' });
  log.write('input-dropped', { peer: 'b', reason: 'short' });
  tick(59_999);
  log.write('input-dropped', { peer: 'a', reason: 'short' });
  assert.equal(lines.length, 2);
  tick(1);
  log.write('input-dropped', { peer: 'a', reason: 'short' });
  assert.equal(lines.length, 3);
  assert.match(lines[2]!, /peer=a reason=short suppressed=5\n$/);
  for (let i = 0; i < 5; i++) log.write('peer-alive', { peer: 'a' });
  assert.equal(lines.length, 8, 'state changes are all written');
});

test('ten thousand strangers get a bounded number of lines a minute, and a known peer its own again in the next', () => {
  const { log, lines, tick } = logOf('text');
  for (let i = 0; i < 10_000; i++) log.write('input-dropped', { from: `192.0.2.1:${i}`, reason: 'short' });
  assert.equal(lines.length, 1_025);
  tick(60_000);
  log.write('input-dropped', { from: 'somebody else', reason: 'short' });
  assert.equal(lines.length, 1_026);
});

test('every event that the sources log by name is in the table, with a sentence', () => {
  const unknown: string[] = [];
  for (const top of ['router', 'datapath', 'cli'])
    for (const name of readdirSync(top, { recursive: true, encoding: 'utf8' }).filter((n) => n.endsWith('.ts')))
      for (const [, event] of readFileSync(`${top}/${name}`, 'utf8').matchAll(/\b[lL]og(?:\.write)?\(\s*'([^']*)'/g))
        if (!Object.hasOwn(EVENTS, event!)) unknown.push(`${top}/${name}: ${event}`);
  assert.deepEqual(unknown, []);
  for (const [event, { sentence }] of Object.entries(EVENTS)) {
    assert.match(event, /^[a-z]+(-[a-z]+)*$/);
    assert.match(sentence, /^[a-z].*[^.]$/, event);
  }
});

test('an event that nobody listed is written all the same', () => {
  const { log, lines } = logOf('text');
  log.write('something-new', { n: 1 });
  log.write('toString');
  assert.deepEqual(lines, ['23:05:01 something-new      n=1\n', '23:05:01 toString\n']);
});
