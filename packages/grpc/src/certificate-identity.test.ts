import { expect, test } from 'vitest';
import { identityOf, type NamedCertificate } from './certificate-identity.ts';

const named = (subjectaltname: string, commonName = 'anything'): NamedCertificate =>
  ({ subject: { CN: commonName }, subjectaltname }) as unknown as NamedCertificate;
const nobody = { role: 'other', name: '' };

test('a certificate names whom its URI names, in any domain, beside hosts', () => {
  expect(identityOf(named('DNS:a.example, URI:spiffe://skein/worker/w1, IP Address:127.0.0.1'))).toEqual({
    role: 'worker',
    name: 'w1',
  });
  expect(identityOf(named('URI:spiffe://corp.example/coordinator/alpha-1.eu'))).toEqual({
    role: 'coordinator',
    name: 'alpha-1.eu',
  });
});

test('the common name counts only where there is no URI', () => {
  expect(identityOf(named('', 'worker/w1'))).toEqual({ role: 'worker', name: 'w1' });
  expect(identityOf(named('DNS:localhost', 'coordinator/a'))).toEqual({ role: 'coordinator', name: 'a' });
  expect(identityOf(named('URI:https://elsewhere', 'coordinator/a'))).toEqual(nobody);
  expect(identityOf(named('URI:spiffe://skein/worker/w1', 'coordinator/a'))).toEqual({ role: 'worker', name: 'w1' });
});

test.each([
  ['no certificate', undefined],
  ['two URIs', named('URI:spiffe://skein/worker/w1, URI:spiffe://skein/coordinator/a')],
  [
    'a URI that Node quotes, because it could be mistaken for two',
    named('URI:"https://x, URI:spiffe://skein/coordinator/a"'),
  ],
  ['a host that looks like a URI', named('DNS:"x, URI:spiffe://skein/coordinator/a"', 'x')],
  ['another role', named('URI:spiffe://skein/admin/a')],
  ['more path', named('URI:spiffe://skein/worker/a/b')],
  ['a colon in the name, which parts name and process', named('URI:spiffe://skein/worker/a:b')],
  ['an empty name', named('URI:spiffe://skein/worker/')],
  ['several common names', { subject: { CN: ['worker/a', 'worker/b'] } } as unknown as NamedCertificate],
  ['more before or after the common name', named('', 'xworker/a')],
])('%s names nobody', (_, certificate) => {
  expect(identityOf(certificate)).toEqual(nobody);
});
