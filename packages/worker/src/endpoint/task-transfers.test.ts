import { DomainError, type ErrorCode, type SessionId } from '@skein/domain';
import type { PartRequest } from '@skein/ports';
import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';

const lost = new DomainError('unavailable', 'connection reset');
const refused = (code: ErrorCode): DomainError => new DomainError(code, 'no');
const part = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);

/** A worker that runs one task, and what that task's calls for parts asked for. */
const setUp = async (tuning: { maxPartBytes?: number } = {}) => {
  const world = createEndpointWorld({ tuning });
  world.endpoint.start();
  await world.clock.settle();
  world.coordinator.offer(offerOf('a', 1));
  await world.clock.settle();
  const task = world.runner.tasks.at(-1);
  if (task === undefined) throw new Error('the offer was not accepted');
  const asked: { readonly sessionId: SessionId; readonly offset: number }[] = [];
  const served: number[] = [];
  /** Each call gives `bytes` more bytes and then breaks; the ones after the list give all. */
  const serve = (breaks: readonly { readonly bytes: number; readonly error: DomainError }[], content = part): void => {
    let calls = 0;
    world.coordinator.onFetchPart = async (sessionId, { offset }: PartRequest, onBytes) => {
      asked.push({ sessionId, offset });
      const fault = breaks[calls++];
      const end = fault === undefined ? content.length : Math.min(content.length, offset + fault.bytes);
      for (let at = offset; at < end; at += 64) {
        const piece = content.subarray(at, Math.min(end, at + 64));
        served.push(piece.length);
        onBytes(piece);
      }
      if (fault !== undefined) throw fault.error;
      return content.length;
    };
  };
  return { ...world, task, asked, served, serve };
};

test('a transfer outlives the stream that it began on', async () => {
  const { coordinator, clock, task } = await setUp();
  const bytes = new Uint8Array([1]);
  coordinator.fetches = [() => Promise.reject(lost), () => Promise.resolve(bytes)];
  const fetched = task.transfers.fetchBlob('sha256:x');
  coordinator.stream.cut(lost);
  await clock.advance(5_000);
  expect(await fetched).toBe(bytes);
});

test('a transfer that is refused as stale twice in one session ends the task in silence', async () => {
  const { coordinator, clock, endpoint, task } = await setUp();
  const stale = () => Promise.reject(refused('stale_fencing_token'));
  coordinator.fetches = [stale, stale];
  const fetched = task.transfers.fetchBlob('sha256:x').catch((error: unknown) => error);
  await clock.advance(1_000);
  expect(endpoint.state().running).toBe(1);
  await clock.advance(1_000);
  expect(await fetched).toMatchObject({ code: 'stale_fencing_token' });
  await clock.settle();
  expect(coordinator.results).toEqual([]);
  expect(endpoint.state().running).toBe(0);
});

test('a coordinator that does not know the session yet is no word about the lease', async () => {
  const { coordinator, clock, endpoint, task } = await setUp();
  const bytes = new Uint8Array([2]);
  coordinator.fetches = [() => Promise.reject(refused('stale_fencing_token')), () => Promise.resolve(bytes)];
  const fetched = task.transfers.fetchBlob('sha256:x');
  await clock.settle();
  coordinator.stream.cut(lost); // the loss of the stream is noticed only now
  await clock.advance(3_000);
  expect(await fetched).toBe(bytes);
  expect(endpoint.state()).toMatchObject({ joined: true, running: 1 });
});

test('a part goes on from where a broken call left it, and no byte comes twice', async () => {
  const { clock, task, asked, served, serve } = await setUp();
  serve([
    { bytes: 300, error: lost },
    { bytes: 0, error: lost },
    { bytes: 500, error: refused('deadline_exceeded') },
  ]);
  const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p');
  await clock.advance(10_000);
  expect(await fetched).toEqual(part);
  expect(asked.map(({ offset }) => offset)).toEqual([0, 300, 300, 800]);
  expect(served.reduce((sum, bytes) => sum + bytes, 0)).toBe(part.length);
});

test('a part goes on in the next session after a restart of the coordinator', async () => {
  const { coordinator, clock, task, asked, serve } = await setUp();
  serve([{ bytes: 640, error: lost }]);
  const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p');
  coordinator.stream.cut(lost);
  await clock.advance(5_000);
  expect(await fetched).toEqual(part);
  expect(asked).toEqual([
    { sessionId: 'ses_1', offset: 0 },
    { sessionId: 'ses_2', offset: 640 },
  ]);
});

test('tries eight times without a byte, but as often as it takes while bytes come', async () => {
  const first = await setUp();
  first.serve(Array.from({ length: 100 }, () => ({ bytes: 0, error: lost })));
  const failed = first.task.transfers.fetchPart('sha256:s', 'sha256:p').catch((error: unknown) => error);
  await first.clock.advance(60_000);
  expect(await failed).toMatchObject({ code: 'unavailable' });
  expect(first.asked).toHaveLength(8);

  const second = await setUp();
  second.serve(Array.from({ length: 40 }, () => ({ bytes: 20, error: lost })));
  const fetched = second.task.transfers.fetchPart('sha256:s', 'sha256:p');
  await second.clock.advance(60_000);
  expect(await fetched).toEqual(part);
  expect(second.asked).toHaveLength(41);
});

test('asks for all of a part again when the next coordinator has less of it, or another size', async () => {
  for (const answer of ['less', 'other size'] as const) {
    const { coordinator, clock, task } = await setUp();
    const offsets: number[] = [];
    coordinator.onFetchPart = async (_session, { offset }, onBytes) => {
      offsets.push(offset);
      if (offsets.length === 1) {
        onBytes(part.subarray(0, 900));
        throw lost;
      }
      if (offset > 0 && answer === 'less') throw refused('invalid_argument');
      onBytes(part.subarray(offset, 950));
      return offset > 0 ? 960 : 950;
    };
    const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p');
    await clock.advance(10_000);
    expect(await fetched).toEqual(part.subarray(0, 950));
    expect(offsets).toEqual([0, 900, 0]);
  }
});

test('refuses a part over its limit, and does not ask again', async () => {
  const { clock, task, asked, serve } = await setUp({ maxPartBytes: 999 });
  serve([]);
  const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p').catch((error: unknown) => error);
  await clock.advance(10_000);
  expect(await fetched).toMatchObject({ code: 'too_large', details: { limit: 999 } });
  expect(asked).toHaveLength(1);
});

test("the bytes of a part are the worker's own", async () => {
  const { clock, task, serve } = await setUp();
  const content = part.slice();
  serve([], content);
  const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p');
  await clock.settle();
  const bytes = await fetched;
  content.fill(0);
  expect(bytes).toEqual(part);
});

test('a secret is asked for again over trouble that time heals, and not when it is refused', async () => {
  const { coordinator, clock, task } = await setUp();
  const asked: string[] = [];
  coordinator.onReadSecret = async (_session, secret) => {
    asked.push(secret);
    if (secret === 'foreign') throw refused('permission_denied');
    if (asked.length < 3) throw lost;
    return 'canary-7f3a';
  };
  const value = task.transfers.readSecret('KEY');
  await clock.advance(5_000);
  expect(await value).toBe('canary-7f3a');
  await expect(task.transfers.readSecret('foreign')).rejects.toMatchObject({ code: 'permission_denied' });
  expect(asked).toEqual(['KEY', 'KEY', 'KEY', 'foreign']);
});

test('an abort ends a transfer between two calls', async () => {
  const { coordinator, clock, task, serve } = await setUp();
  serve([{ bytes: 100, error: lost }]);
  const fetched = task.transfers.fetchPart('sha256:s', 'sha256:p').catch((error: unknown) => error);
  coordinator.stream.send({
    type: 'cancel',
    task: { runId: 'run_1', step: 'a', attempt: 1, token: 1 },
    reason: 'enough',
  });
  await clock.advance(1_000);
  expect(await fetched).toMatchObject({ code: 'cancelled', message: 'enough' });
});

test('what is to be stored waits for a store that takes nothing for minutes, but not for one that refuses it', async () => {
  const { coordinator, clock, task } = await setUp();
  let calls = 0;
  coordinator.onStoreBlob = async () => {
    calls += 1;
    if (calls < 60) throw lost;
    return 'sha256:stored';
  };
  const stored = task.transfers.storeBlob(part);
  await clock.advance(180_000);
  expect(await stored).toBe('sha256:stored');
  expect(calls).toBe(60);
  coordinator.onStoreBlob = () => Promise.reject(refused('too_large'));
  await expect(task.transfers.storeBlob(part)).rejects.toMatchObject({ code: 'too_large' });
});
