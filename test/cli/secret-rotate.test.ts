import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT } from '../../cli/command.js';
import type { RotationStatus } from '../../cli/api.js';
import { renderSummary } from '../../cli/status/summary.js';
import { plain } from '../../cli/format.js';
import { document, rotation } from './documents.js';
import { mesh } from './fakes.js';

const WORDS = 'legal-winner-thank-year-wave-sausage-worth-useful-legal-winner-thank-yellow';
const ends = (change: Partial<RotationStatus>) => (): Promise<RotationStatus> => Promise.resolve(rotation(change));
const everywhere = { isOver: true, without: [], oldEndsMs: null };

/** Without the time that it took. */
const timeless = (err: string): string => err.replace(/\d+\.\d s/, 'N s');

test('a secret that all have taken is printed as the line for the next host', async () => {
  const { code, out, err } = await mesh(['secret', 'rotate'], { router: { rotated: ends(everywhere) } });
  assert.deepEqual([code, out], [EXIT.done, 'sudo mesh launch --detach --secret new-zoo-8 10.0.0.1\n']);
  assert.equal(timeless(err), 'mesh: 3 of 3 routers have the new secret, and the old one is refused, after N s\n');
  assert.equal((await mesh(['secret', 'rotate', '--bare'])).out, 'new-zoo-8\n');
});

test('the new secret is the one that was given; that of the environment is the one that the mesh has', async () => {
  const given = await mesh(['secret', 'rotate', '--secret', WORDS], { env: { MESH_SECRET: 'x' } });
  assert.deepEqual(given.calls[0], ['rotate', WORDS]);
  const made = await mesh(['secret', 'rotate'], { env: { MESH_SECRET: WORDS } });
  assert.deepEqual(made.calls[0], ['rotate', undefined]);
});

test('who was away is named, with what to type there', async () => {
  const without = [{ id: 'x', name: 'db1', why: 'it does not answer' }];
  const { code, err } = await mesh(['secret', 'rotate'], { router: { rotated: ends({ ...everywhere, without }) } });
  assert.equal(code, EXIT.done);
  assert.equal(
    timeless(err),
    'mesh: 2 of 3 routers have the new secret, and the old one is refused, after N s\n  db1: it does not answer\n' +
      'mesh: on a host that was away:\n  sudo mesh connect 10.0.0.1 --secret new-zoo-8\n',
  );
});

test('what is not done after 10 s goes on, and it is said who is waited for', async () => {
  const { code, err } = await mesh(['secret', 'rotate'], { router: { rotated: ends({}) } });
  assert.equal(code, EXIT.refused);
  assert.match(timeless(err), /^mesh: cannot rotate the secret yet: 1 of 3 routers have the new secret after N s\n {2}\w+: it has not said so yet\n {2}\w+: it has not said so yet\n {2}try: mesh status\n$/); // prettier-ignore
});

test('who orders at the same time as another and loses is told so', async () => {
  const router = { rotated: ends({ key: 'ffffffff', by: 'web2' }) };
  const { code, err } = await mesh(['secret', 'rotate'], { router });
  assert.deepEqual(
    [code, err],
    [
      EXIT.refused,
      'mesh: cannot rotate the secret: another change of it, ordered on "web2" at the same time, won\n  try: mesh secret\n',
    ],
  );
});

test('evict --rotate does both in one request, and without somebody to evict nothing is changed', async () => {
  const secret = (): Promise<never> => Promise.reject(new Error('not asked'));
  const refused = [{ peer: 'b', refused: 'no peer is called so' }];
  const none = await mesh(['evict', 'b', '--rotate'], { router: { evict: () => Promise.resolve(refused), secret } });
  assert.deepEqual([none.code, none.out], [EXIT.refused, '']);
  const { calls } = await mesh(['evict', 'b', '--rotate', '--secret', WORDS]);
  assert.deepEqual(calls[0], ['evict', ['b'], { rotate: true, secret: WORDS }]);
});

test('while the secret is changed the status says how far it is, within 80 columns', () => {
  const text = renderSummary(document({ rotation: rotation() }), { columns: 80, paint: plain });
  assert.match(text, /^secret {7}being changed: 1 of 3 routers have the new one, the old one is$/m);
  assert.ok(text.split('\n').every((line) => line.length <= 80));
  assert.ok(
    !renderSummary(document({ rotation: rotation(everywhere) }), { columns: 80, paint: plain }).includes(
      'being changed',
    ),
  );
});
