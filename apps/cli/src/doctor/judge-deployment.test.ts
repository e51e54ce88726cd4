import type { WorkerView } from '@skein/domain';
import { dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';
import { type Deployment, judgeDeployment } from './judge-deployment.ts';
import type { Look } from './look-at-coordinator.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const days = (count: number): Date => new Date(now + count * 86_400_000 + 1);

type Standing = NonNullable<NonNullable<Look['readiness']>['coordinator']>;

const standing = (coordinatorId: string, changes: Partial<Standing> = {}): Standing => ({
  coordinatorId,
  now: new Date(now).toISOString(),
  workers: 1,
  shards: 128,
  others: [{ coordinatorId: coordinatorId === 'a' ? 'b' : 'a', reached: true, sameFacts: true, leaving: false }],
  ...changes,
});

const look = (coordinatorId: string, changes: Partial<Look> = {}, seen: Partial<Standing> = {}): Look => ({
  url: `https://${coordinatorId}.example:7420`,
  readiness: { status: 'ready', checks: {}, coordinator: standing(coordinatorId, seen) },
  roundTripMs: 10,
  clockAheadMs: 1,
  certificateEnds: days(300),
  ...changes,
});

const worker = (labels: { readonly [name: string]: string } = {}): WorkerView =>
  ({ workerId: 'wrk_1', state: 'connected', labels }) as unknown as WorkerView;

const judge = (changes: Partial<Deployment>) =>
  judgeDeployment({ looks: [look('a'), look('b')], workers: [worker(), worker()], dags: [], now, ...changes });

const bad = (changes: Partial<Deployment>) => judge(changes).filter(({ ok }) => !ok);

test('finds nothing to mend where all is well', () => {
  expect(bad({})).toEqual([]);
  expect(judge({}).map(({ name }) => name)).toEqual([
    'coordinator',
    'coordinator',
    'readiness',
    'readiness',
    'fleet',
    'peers',
    'versions',
    'certificate',
    'certificate',
    'clocks',
    'workers',
  ]);
  expect(judge({}).every((check) => check.fix === undefined)).toBe(true);
});

test('names a coordinator that is not reached, and still says how the others are', () => {
  const found = bad({ looks: [look('a'), { url: 'https://b.example:7420', error: 'connection refused' }] });
  expect(found.map(({ name, detail }) => [name, detail])).toEqual([
    ['coordinator', 'https://b.example:7420: connection refused'],
  ]);
  expect(found[0]?.fix).toContain('SKEIN_URL');
});

test('tells coordinators that do not see, or do not reach, one another apart', () => {
  expect(bad({ looks: [look('a', {}, { others: [] }), look('b', {}, { others: [] })] })[0]).toMatchObject({
    name: 'fleet',
    detail: 'a does not see b, b does not see a',
  });
  const others = [{ coordinatorId: 'b', reached: false, sameFacts: true, leaving: false }];
  expect(bad({ looks: [look('a', {}, { others }), look('b')] })).toMatchObject([
    { name: 'peers', detail: 'a does not reach b' },
  ]);
});

test('notes versions that differ: an upgrade is under way', () => {
  const others = [{ coordinatorId: 'b', reached: true, sameFacts: false, leaving: false }];
  expect(bad({ looks: [look('a', {}, { others }), look('b')] })).toMatchObject([
    { name: 'versions', optional: true, detail: 'a and b are of different versions' },
  ]);
});

test('warns 14 days before a certificate ends, and fails once it did', () => {
  const check = (left: number) => bad({ looks: [look('a', { certificateEnds: days(left) }), look('b')] })[0];
  expect(check(15)).toBeUndefined();
  expect(check(13)).toMatchObject({ name: 'certificate', optional: true, detail: 'a: 13 days left, 2026-01-14' });
  expect(check(-1)).toMatchObject({ name: 'certificate', optional: false });
  expect(check(13)?.fix).toContain('skein certs issue');
});

test('notes clocks that are apart by more than the call can explain', () => {
  const apart = (clockAheadMs: number, roundTripMs: number) =>
    bad({ looks: [look('a', { clockAheadMs, roundTripMs }), look('b')] }).map(({ name }) => name);
  expect(apart(-2_500, 10)).toEqual(['clocks']);
  expect(apart(2_500, 3_000)).toEqual([]);
});

test('notes labels that a DAG asks for and no worker has, and workers that are not spread', () => {
  const dag = dagOf([stepOf('s', { workerSelector: { pool: 'gpu' } })], { name: 'train' });
  expect(bad({ dags: [dag] })).toMatchObject([
    {
      name: 'labels',
      detail: 'no worker has pool=gpu, which train asks for',
      fix: 'skein worker --labels pool=gpu --ca FILE',
    },
  ]);
  expect(bad({ dags: [dag], workers: [worker({ pool: 'gpu' }), worker()] })).toEqual([]);
  const looks = [look('a', {}, { workers: 8 }), look('b', {}, { workers: 0 })];
  expect(bad({ looks, workers: Array.from({ length: 8 }, () => worker()) })).toMatchObject([{ name: 'spread' }]);
  expect(bad({ workers: [] })).toMatchObject([{ name: 'workers', optional: true }]);
});

test('names the file of the authority where a worker is to be started and traffic is over TLS', () => {
  const fix = (url: string) => bad({ looks: [look('a', { url })], workers: [] }).find(({ name }) => name === 'workers');
  expect(fix('https://a.example:7420')?.fix).toBe(
    'skein worker --coordinator HOST:PORT --join-token-file FILE --ca FILE',
  );
  expect(fix('http://127.0.0.1:7420')?.fix).toBe('skein worker --coordinator HOST:PORT --join-token-file FILE');
});

test('notes traffic in the clear, but not on this machine', () => {
  const plain = (url: string) => bad({ looks: [look('a', { url })] }).map(({ name }) => name);
  expect(plain('http://10.0.0.7:7420')).toEqual(['insecure']);
  expect(plain('http://127.0.0.1:7420')).toEqual([]);
});

test('says what a coordinator that is not ready lacks', () => {
  const readiness = {
    status: 'not_ready' as const,
    checks: { store: { ok: false, detail: 'takes no writes' }, queue: { ok: true, detail: 'away (refused)' } },
    coordinator: standing('a'),
  };
  expect(bad({ looks: [look('a', { readiness }), look('b')] })).toMatchObject([
    { name: 'readiness', detail: 'a: not_ready store (takes no writes)' },
    { name: 'queue', optional: true },
    { name: 'store', detail: 'cannot be used by a', fix: expect.stringContaining('SKEIN_STORE') },
  ]);
});
