import { Metadata } from '@grpc/grpc-js';
import { DomainError, errorCatalog, errorCodes } from '@skein/domain';
import { expect, test } from 'vitest';
import { asDomainError, fromStatus, toStatus } from './status.ts';

test.each(errorCodes)('brings %s across with its code, number, message and details', (code) => {
  const sent = toStatus(new DomainError(code, 'why 🪿', { limit: 3, reason: 'x' } as never));
  expect(sent.code).toBe(errorCatalog[code].grpc);
  expect(fromStatus(sent)).toMatchObject({ code, message: 'why 🪿', details: { limit: 3, reason: 'x' } });
});

test('an unknown throw leaves as INTERNAL without its message', () => {
  const sent = toStatus(new TypeError('password is hunter2'));
  expect(sent.code).toBe(13);
  expect(JSON.stringify([sent.details, sent.metadata.getMap()])).not.toContain('hunter2');
  expect(fromStatus(sent)).toMatchObject({ code: 'internal', message: 'internal error' });
});

test('a text with lone surrogates can be percent-encoded, also where it is cut', () => {
  for (const message of ['\ud800', `x\udfff${'\u{1fabf}'.repeat(2_000)}`, `${'x'.repeat(1023)}\u{1fabf}`]) {
    const sent = toStatus(new DomainError('invalid_argument', message));
    expect(() => encodeURI(sent.details)).not.toThrow();
    expect(fromStatus(sent).code).toBe('invalid_argument');
  }
});

test('details that fit no header are left out, the code stays', () => {
  const sent = toStatus(new DomainError('not_found', 'm'.repeat(50_000), { list: 'y'.repeat(100_000) }));
  expect((sent.metadata.get('skein-error-bin')[0] as Buffer).length).toBeLessThan(8_192);
  expect(fromStatus(sent)).toMatchObject({ code: 'not_found', details: undefined });
});

test('a status without our trailer becomes the code of its number', () => {
  const codes = [3, 4, 5, 7, 8, 9, 12, 14, 16, 2, 13].map((code) => fromStatus({ code, details: 'd' }).code);
  expect(codes).toEqual([
    'invalid_argument',
    'deadline_exceeded',
    'not_found',
    'permission_denied',
    'resource_exhausted',
    'illegal_transition',
    'unimplemented',
    'unavailable',
    'unauthenticated',
    'internal',
    'internal',
  ]);
});

test('a message over the size limit becomes too_large with both sizes', () => {
  const details = 'Received message larger than max (3000000 vs 1064960)';
  expect(fromStatus({ code: 8, details })).toMatchObject({
    code: 'too_large',
    details: { limit: 1_064_960, actual: 3_000_000 },
  });
});

test('a reset by the peer is unavailable, never cancelled', () => {
  expect(fromStatus({ code: 1, details: 'Call cancelled' }).code).toBe('unavailable');
  expect(fromStatus({ code: 13, details: 'Received RST_STREAM with code 2' }).code).toBe('unavailable');
});

test('a trailer that is garbage, or an error of no catalog, is not believed', () => {
  for (const trailer of [
    '',
    '{',
    '[]',
    '{"code":"nope","message":"x"}',
    '{"code":"toString","message":"x"}',
    '{"code":"internal"}',
  ]) {
    const metadata = new Metadata();
    metadata.set('skein-error-bin', Buffer.from(trailer));
    expect(fromStatus({ code: 5, details: 'gone', metadata })).toMatchObject({ code: 'not_found', message: 'gone' });
  }
});

test('anything else that is thrown is internal', () => {
  expect([asDomainError('text').code, asDomainError(undefined).code, asDomainError(new Error('x')).code]).toEqual([
    'internal',
    'internal',
    'internal',
  ]);
});
