import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Redactor } from './redactor.ts';
import { secretForms } from './secret-forms.ts';

const redactorOf = (...values: string[]): Redactor => {
  const redactor = new Redactor();
  for (const value of values) redactor.add(value);
  return redactor;
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const throughStream = (redactor: Redactor, chunks: readonly Uint8Array[]): string => {
  const out: number[] = [];
  const stream = redactor.stream((piece) => out.push(...piece));
  for (const chunk of chunks) stream.push(chunk);
  stream.flush();
  return new TextDecoder().decode(Uint8Array.from(out));
};
const cut = (text: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const at = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.subarray(at[index], end));
};

const secret = fc.oneof(
  fc.string({ minLength: 8, maxLength: 60 }).filter((text) => text.trim().length >= 8),
  fc.string({ minLength: 8, maxLength: 60, unit: 'grapheme' }).filter((text) => text.trim().length >= 8),
);

const encoders: { readonly [name: string]: (value: string) => string } = {
  plain: (value) => value,
  json: (value) => JSON.stringify({ key: value }),
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 after one byte': (value) => Buffer.from(`x${value}`).toString('base64'),
  'base64 after two bytes and before more': (value) => Buffer.from(`xy${value}zz`).toString('base64'),
  base64url: (value) => Buffer.from(`x${value}`).toString('base64url'),
  'wrapped base64': (value) =>
    (
      Buffer.from(`user:${value}`)
        .toString('base64')
        .match(/.{1,19}/g) ?? []
    ).join('\n'),
  hex: (value) => Buffer.from(value).toString('hex'),
  'hex in capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  url: (value) => {
    try {
      return encodeURIComponent(value);
    } catch {
      return value;
    }
  },
};

describe.each(Object.entries(encoders))('a secret in the form %s', (_name, encode) => {
  test('is taken out of text, and out of a stream wherever it is cut', () => {
    fc.assert(
      fc.property(secret, fc.string(), fc.array(fc.nat(), { maxLength: 5 }), (value, around, places) => {
        const redactor = redactorOf(value);
        const whole = `${around}${encode(value)}${around}`;
        const clean = redactor.text(whole);
        const streamed = throughStream(redactor, cut(bytes(whole), places));
        for (const { text, mayWrap } of secretForms(value)) {
          if ('[redacted]'.includes(text)) continue;
          const flat = (from: string): string => (mayWrap ? from.replace(/\r?\n/g, '') : from);
          expect(flat(clean)).not.toContain(text);
          expect(flat(streamed)).not.toContain(new TextDecoder().decode(bytes(text)));
        }
        expect(clean).not.toBe(whole);
      }),
      { numRuns: propertyRuns(30) },
    );
  });
});

test('text without a secret passes as it is, in pieces of any size', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(), { maxLength: 6 }), (text, places) => {
      const redactor = redactorOf('a-secret-that-is-not-there');
      const out: number[] = [];
      const stream = redactor.stream((piece) => out.push(...piece));
      for (const chunk of cut(text, places)) stream.push(chunk);
      stream.flush();
      expect(out).toEqual([...text]);
    }),
  );
});

test('only an end that may begin a secret is held back', () => {
  const heard: string[] = [];
  const stream = redactorOf('hunter2!').stream((piece) => heard.push(new TextDecoder().decode(piece)));
  stream.push(bytes('password: '));
  stream.push(bytes('hun'));
  stream.push(bytes('gry\n'));
  expect(heard).toEqual(['password: ', 'hungry\n']);
});

test('what was said before a secret was read is not held', () => {
  const redactor = new Redactor();
  const heard: string[] = [];
  const stream = redactor.stream((piece) => heard.push(new TextDecoder().decode(piece)));
  stream.push(bytes('hunt'));
  redactor.add('hunter2!');
  stream.push(bytes('hunter2!'));
  stream.flush();
  expect(heard.join('')).toBe('hunt[redacted]');
});

test('a value that is too short is refused rather than taken out of every word', () => {
  const redactor = new Redactor();
  expect(redactor.add('on')).toBe(false);
  expect(redactor.text('on and on')).toBe('on and on');
});

test('each long line of a key file is a secret of its own', () => {
  const key = `-----BEGIN KEY-----\n${'A1b2'.repeat(16)}\n${'C3d4'.repeat(16)}\n-----END KEY-----\n`;
  const clean = redactorOf(key).text(`> ${'C3d4'.repeat(16)} <`);
  expect(clean).toBe('> [redacted] <');
});

test('a number that reads like a secret becomes the mark', () => {
  expect(redactorOf('12345678').value({ pin: 12_345_678, n: 1 })).toEqual({ pin: '[redacted]', n: 1 });
});

test('a secret inside another does not save the longer one', () => {
  expect(redactorOf('abcdefgh', 'abcdefgh-ijklmnop').text('abcdefgh-ijklmnop')).toBe('[redacted]');
});

/** Letters and digits in no order, always the same for a seed. */
const noise = (length: number, seed: number): string => {
  let state = seed;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'[(state >> 8) % 62];
  }).join('');
};

test.each([
  ['hunter2!', 'hunter2!-and-more'],
  ['-and-more', 'hunter2!-and-more'],
  ['abcdefgh', 'efghijkl'],
])('of %j and %j nothing is left where they share characters, in text or in a stream', (one, other) => {
  const redactor = redactorOf(one, other);
  const whole = one === 'abcdefgh' ? 'abcdefghijkl' : other;
  expect(redactor.text(`<${whole}>`)).toBe('<[redacted]>');
  for (let place = 0; place <= whole.length + 2; place += 1)
    expect(throughStream(redactor, cut(bytes(`<${whole}>`), [place]))).toBe('<[redacted]>');
  expect(
    throughStream(
      redactor,
      Array.from(bytes(`<${whole}>`), (byte) => Uint8Array.of(byte)),
    ),
  ).toBe('<[redacted]>');
});

test('a secret of any length that a source may give is taken out, also in base64 and in hexadecimal', () => {
  const long = noise(64 * 1024, 1);
  const redactor = redactorOf(long);
  for (const form of [long, btoa(long), Buffer.from(long).toString('hex'), btoa(long).replace(/.{76}/g, '$&\r\n')]) {
    expect(redactor.text(`<${form}>`)).toMatch(/^<[^<]{0,4}\[redacted\][^<]{0,4}>$/);
    expect(throughStream(redactor, cut(bytes(form), [1, 40_000, 64_000])).length).toBeLessThan(20);
  }
});

test('a log is read in a time that hardly depends on how long the secrets are', () => {
  const log = bytes(`2026-01-01 info 8f3a ${'x'.repeat(80)}\n`.repeat(10_000));
  const timeFor = (length: number): number => {
    const stream = redactorOf(...[1, 2, 3, 4, 5].map((seed) => noise(length, seed))).stream(() => undefined);
    const startedAt = performance.now();
    for (let from = 0; from < log.length; from += 4_096) stream.push(log.subarray(from, from + 4_096));
    stream.flush();
    return performance.now() - startedAt;
  };
  timeFor(40);
  // Of three, for the machine may stand still during one.
  const [short, long] = [40, 4_096].map((length) => Math.min(...[1, 2, 3].map(() => timeFor(length))));
  expect(long).toBeLessThan(20 * Math.max(short as number, 5));
});

test('the first half of a secret at the end of a stream is taken out; the beginning of a word is not', () => {
  const redactor = redactorOf('hunter2!-and-more', 'https://example');
  expect(throughStream(redactor, [bytes('password hunter2!-an')])).toBe('password [redacted]');
  expect(throughStream(redactor, [bytes('password hunter2')])).toBe('password hunter2');
  expect(throughStream(redactor, [bytes('password hunter2!-and-more'), bytes('hun')])).toBe('password [redacted]hun');
});

test.each([
  ['"quoted" & <more>', (text: string) => JSON.stringify(JSON.stringify({ text }))],
  [
    '"quoted" & <more>',
    (text: string) => JSON.stringify(text).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  ],
  ['schlüssel-für-alle', () => '{"k": "schl\\u00fcssel-f\\u00fcr-alle"}'],
  ['path/of/a/key', () => '"path\\/of\\/a\\/key"'],
  ['a b/c!d(e)', () => 'https://host/?key=a+b%2Fc%21d%28e%29'],
  ['a b/c!d(e)', () => 'https://host/a%20b/c!d(e)'],
  ['a b/c!d(e)', () => 'https://host/a%20b%2Fc%21d%28e%29'],
  ['a+b/c=d=e', () => 'key=a%2bb%2fc%3dd%3de'],
])('%j is found as other encoders write it', (value, encode) => {
  const encoded = encode(value);
  const clean = redactorOf(value).text(encoded);
  expect(clean).toContain('[redacted]');
  expect(clean.length).toBeLessThan(encoded.length);
  expect(clean).not.toMatch(/quoted|more|key[^=]|lle|\+b|%2b|c%21|c!d/);
});

test('base64 in an indented block is found', () => {
  const key = noise(120, 9);
  const block = btoa(key).replace(/.{30}/g, '$&\n    ');
  expect(redactorOf(key).text(`key: |\n    ${block}`)).toBe('key: |\n    [redacted]');
  expect(throughStream(redactorOf(key), cut(bytes(`    ${block}.`), [31, 36, 70]))).toBe('    [redacted].');
});

/** The text in two pieces, cut at each place in turn, and in single bytes. */
const throughEveryCut = (redactor: Redactor, text: string): ReadonlySet<string> => {
  const whole = bytes(text);
  const cuts = Array.from({ length: whole.length + 1 }, (_, place) => cut(whole, [place]));
  return new Set(
    [...cuts, Array.from(whole, (byte) => Uint8Array.of(byte))].map((pieces) => throughStream(redactor, pieces)),
  );
};

test.each(['\n', '\r\n'])('base64 in lines that end in %j is found wherever the stream is cut', (lineBreak) => {
  const key = noise(48, 5);
  const block = btoa(key).replace(/.(?!$)/g, `$&${lineBreak}`);
  expect(throughEveryCut(redactorOf(key), `<${block}>`)).toEqual(new Set(['<[redacted]>']));
});

test('a secret that begins again within itself is found wherever the stream is cut', () => {
  for (const [value, text] of [
    ['aaaaaaab-key', 'aaaaaaaaaaab-key'],
    ['abcabcabd-key', 'abcabcabcabd-key'],
  ] as const) {
    const expected = text.replace(value, '[redacted]');
    expect(throughEveryCut(redactorOf(value), text)).toEqual(new Set([expected]));
  }
});

test('white space around a value does not hide it', () => {
  expect(redactorOf(' hunter2!\n').text('it is hunter2!, he said')).toBe('it is [redacted], he said');
});
