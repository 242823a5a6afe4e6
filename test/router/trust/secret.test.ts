import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ENTROPY_BYTES, MAX_SECRET_CHARS, parseSecret, secretOf } from '../../../router/trust/secret.js';
import { WORDS } from '../../../router/trust/words.js';

const entropy = fc.uint8Array({ minLength: ENTROPY_BYTES, maxLength: ENTROPY_BYTES });
const why = (text: string): string => {
  const parsed = parseSecret(text);
  return parsed.kind === 'fault' ? parsed.why : assert.fail(`it was taken: ${text}`);
};

test('the words are those of BIP-39`s own vectors', () => {
  const vectors = [
    ['00', 'abandon-abandon-abandon-abandon-abandon-abandon-abandon-abandon-abandon-abandon-abandon-about'],
    ['7f', 'legal-winner-thank-year-wave-sausage-worth-useful-legal-winner-thank-yellow'],
    ['80', 'letter-advice-cage-absurd-amount-doctor-acoustic-avoid-letter-advice-cage-above'],
    ['ff', 'zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-wrong'],
  ] as const;
  for (const [byte, words] of vectors)
    assert.equal(secretOf(new Uint8Array(Buffer.from(byte.repeat(16), 'hex'))).text, words);
  assert.equal(WORDS.length, 2048);
  assert.equal(new Set(WORDS.map((word) => word.slice(0, 4))).size, 2048);
});

test('what was printed is read again, in any case and with spaces or hyphens', () => {
  const spelt = fc.constantFrom(
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => ` ${text.replaceAll('-', ' ')}\n`,
  );
  fc.assert(
    fc.property(entropy, spelt, (bytes, spell) => {
      const secret = secretOf(bytes);
      assert.deepEqual(parseSecret(spell(secret.text)), secret);
    }),
  );
});

test('of the words that differ from a secret in one place, one in sixteen passes at most', () => {
  fc.assert(
    fc.property(entropy, fc.nat(11), fc.nat(), (bytes, place, step) => {
      const words = secretOf(bytes).text.split('-');
      const others = Array.from({ length: 64 }, (_, i) => WORDS[(WORDS.indexOf(words[place]!) + 1 + step + i) % 2048]!);
      const passed = others.filter((other) => parseSecret(words.with(place, other).join('-')).kind === 'words');
      assert.ok(passed.length < 20, `${passed.length} of 64`);
    }),
    { numRuns: 30 },
  );
});

test('what is wrong with a secret is said in one sentence', () => {
  const words = 'legal-winner-thank-year-wave-sausage-worth-useful-legal-winner-thank-yellow';
  assert.equal(why(''), 'it is empty');
  assert.equal(why(' \n'), 'it is empty');
  assert.equal(why(words.replace('-yellow', '')), 'it has 11 words, a secret has 12');
  assert.equal(why(`${words}-zoo`), 'it has 13 words, a secret has 12');
  assert.equal(why('legal'), 'it has 1 word, a secret has 12');
  assert.equal(why(words.replace('sausage', 'sausages')), '"sausages" is not a word of a secret, "sausage" is');
  assert.equal(
    why(words.replace('thank-year', 'year-thank')),
    'its checksum is wrong: a word is another, or out of its place',
  );
  assert.equal(why('x'.repeat(MAX_SECRET_CHARS + 1)), 'it has 257 characters, at most 256 will do');
  assert.equal(why('Fußballweltmeister2006'), 'it has characters that are not printable ASCII');
  assert.match(why('short1!'), /^it has 7 characters, 12 characters of several kinds/);
  assert.match(why('aaaaaaaaaaaa1!'), /^it is easily guessed/);
  assert.match(why('my pass phrase1'), /^it has a space/);
});

test('a good password is one, also with a few words and hyphens in it', () => {
  for (const text of ['Tr0ub4dor&3xyz', 'quite-some-horses-7', 'kjhqwertzuiopy'])
    assert.deepEqual(parseSecret(text), { kind: 'password', text });
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(fc.constantFrom(...WORDS.slice(0, 9)), { maxLength: 14 }).map((w) => w.join('-')),
      ),
      (text) => {
        const parsed = parseSecret(text);
        if (parsed.kind === 'fault') assert.match(parsed.why, /^[^\n]{5,}$/);
      },
    ),
  );
});
