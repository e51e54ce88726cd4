import type { CertificateIdentity } from '@skein/ports';
import { expect, test } from 'vitest';
import { WorkerSession } from '../fleet/worker-session.ts';
import { certificateFits } from './judge-join.ts';
import { mayActAs } from './may-act-as.ts';

const worker = (name: string): CertificateIdentity => ({ role: 'worker', name });
const coordinator: CertificateIdentity = { role: 'coordinator', name: 'beta' };
const identity = { tenant: 'default', tokenId: 'tok_1', name: 'rack', role: 'admin' } as const;

const sessionOf = (workerId: string, via?: string): WorkerSession => {
  const session = new WorkerSession(workerId, 'default', 'ses_1', 0);
  session.tokenId = 'tok_1';
  session.via = via;
  return session;
};

test('a certificate fits the worker that it names, and all of its processes, no other', () => {
  expect(certificateFits(worker('builders'), 'builders')).toBe(true);
  expect(certificateFits(worker('builders'), 'builders:wrk_1')).toBe(true);
  for (const workerId of ['builders2:wrk_1', 'builders.a', 'wrk_1', 'build', ''])
    expect(certificateFits(worker('builders'), workerId)).toBe(false);
  expect(certificateFits({ role: 'other', name: '' }, 'wrk_1')).toBe(false);
  expect(certificateFits({ role: 'other', name: '' }, ':wrk_1')).toBe(false);
  // A coordinator is no worker, whatever it is called.
  expect(certificateFits(coordinator, 'beta')).toBe(false);
  // Nobody demands certificates.
  expect(certificateFits(undefined, 'wrk_1')).toBe(true);
});

test('whoever calls for a session shows its token, and its certificate where these are demanded', () => {
  const session = sessionOf('builders:wrk_1');
  expect(mayActAs(identity, undefined, session)).toBe(true);
  expect(mayActAs(identity, worker('builders'), session)).toBe(true);
  expect(mayActAs(identity, worker('others'), session)).toBe(false);
  expect(mayActAs({ ...identity, tokenId: 'tok_2' }, worker('builders'), session)).toBe(false);
  expect(mayActAs({ ...identity, tenant: 'rivals' }, worker('builders'), session)).toBe(false);
});

test('a coordinator may call for the workers of coordinators, not for those whose stream ends here', () => {
  expect(mayActAs(identity, coordinator, sessionOf('builders:wrk_1', 'beta'))).toBe(true);
  expect(mayActAs(identity, coordinator, sessionOf('builders:wrk_1'))).toBe(false);
  expect(mayActAs({ ...identity, tokenId: 'tok_2' }, coordinator, sessionOf('builders:wrk_1', 'beta'))).toBe(false);
});
