import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createSealer, parseSealingKeys, SealingKey } from './create-sealer.ts';

const key = () => new SealingKey(new Uint8Array(randomBytes(32)));
const plain = new TextEncoder().encode('hunter2');
const place = { tenant: 'default', name: 'API_KEY' };

test('what was sealed opens in its place, by any of the keys, and is never the same twice', () => {
  const [old, fresh] = [key(), key()];
  const sealed = createSealer([old]).seal(place, plain);
  expect(Buffer.from(sealed).includes('hunter2')).toBe(false);
  const both = createSealer([fresh, old]);
  expect(both.keyId).toBe(fresh.keyId);
  expect(both.open(place, old.keyId, sealed)).toEqual(plain);
  expect(both.seal(place, plain)).not.toEqual(both.seal(place, plain));
});

test('it opens in no other place, under no other key, and not when a bit of it changed', () => {
  const [own, other] = [key(), key()];
  const sealer = createSealer([own, other]);
  const sealed = sealer.seal(place, plain);
  const corrupt = expect.objectContaining({ code: 'data_corrupt' });
  expect(() => sealer.open({ ...place, name: 'OTHER' }, own.keyId, sealed)).toThrow(corrupt);
  expect(() => sealer.open({ ...place, tenant: 'b' }, own.keyId, sealed)).toThrow(corrupt);
  expect(() => sealer.open(place, other.keyId, sealed)).toThrow(corrupt);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => sealer.open(place, own.keyId, changed), String(at)).toThrow(corrupt);
    expect(() => sealer.open(place, own.keyId, sealed.slice(0, at)), String(at)).toThrow(corrupt);
  }
  expect(() => sealer.open(place, 'key_unknown', sealed)).toThrow(expect.objectContaining({ code: 'unavailable' }));
});

test('keys are read from text, the first first; a bad one is refused without being repeated', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const read = parseSealingKeys(`${one.toString('base64')}\n${two.toString('base64url')}\n`);
  expect(read.ok && read.value.map((each) => each.keyId)).toEqual([one, two].map((each) => new SealingKey(each).keyId));
  for (const text of ['', 'short', randomBytes(31).toString('base64'), `${one.toString('base64')},x`]) {
    const bad = parseSealingKeys(text);
    expect(bad.ok).toBe(false);
    if (!bad.ok && text !== '') expect(bad.error).not.toContain(text);
  }
});

test('a key is shown nowhere', () => {
  const bytes = randomBytes(32);
  const shown = [
    inspect(new SealingKey(bytes), { depth: 9, showHidden: true }),
    JSON.stringify(new SealingKey(bytes)),
    String(new SealingKey(bytes)),
  ];
  for (const text of shown) {
    expect(text).not.toContain(bytes.toString('base64'));
    expect(text).not.toContain(bytes.toString('hex'));
    expect(text).not.toContain([...bytes.subarray(0, 4)].join(', '));
  }
});
