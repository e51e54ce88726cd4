import { DomainError, isDomainError } from '@skein/domain';
import type { CoordinatorGateway } from '@skein/ports';
import { maxSecretBytes } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { sampleBytes, sampleDigest, sampleTask } from './sample-messages.ts';
import type { ScriptedCoordinator } from './scripted-coordinator.ts';
import { scriptedToken, strangeSession } from './scripted-coordinator.ts';

const session = 'ses_0190aaaa-0000-7000-8000-000000000004';
const credentials = { token: scriptedToken };
const patience = { timeout: 20_000, interval: 5 };

/** The end under test, and the coordinator behind it. */
interface Ends {
  readonly gateway: CoordinatorGateway;
  readonly coordinator: ScriptedCoordinator;
}

const failure = async (call: Promise<unknown>): Promise<DomainError> => {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isDomainError(thrown)) throw new Error('the call did not fail with a DomainError', { cause: thrown });
  return thrown;
};

/** What every gateway must do for the parts of snapshots and for secrets; `ends` gives those of the present test. */
export const describePartsAndSecrets = (ends: () => Ends): void => {
  const snapshot = sampleDigest(50);
  const part = sampleDigest(51);

  const fetchPart = (
    offset: number,
    changed: {
      readonly token?: string;
      readonly session?: string;
      readonly task?: { readonly token: number };
      readonly digest?: string;
      readonly part?: string;
      readonly signal?: AbortSignal;
    } = {},
  ) => {
    const pieces: Uint8Array[] = [];
    const request = {
      task: { ...sampleTask(), ...changed.task },
      digest: changed.digest ?? snapshot,
      part: changed.part ?? part,
      offset,
    };
    const total = ends().gateway.fetchPart(
      { token: changed.token ?? scriptedToken },
      changed.session ?? session,
      request,
      (bytes) => pieces.push(bytes.slice()),
      changed.signal,
    );
    return { total, bytes: () => Buffer.concat(pieces) };
  };
  const keepPart = (bytes: Uint8Array): void => {
    const { coordinator } = ends();
    coordinator.parts.set(snapshot, [part]);
    coordinator.blobs.set(part, bytes);
  };

  describe('parts', () => {
    test('come whole, in order, with their size; from any offset; and of no length', async () => {
      for (const length of [3 * 1024 * 1024 + 17, 65_536, 65_537, 1, 0]) {
        const bytes = sampleBytes(length);
        keepPart(bytes);
        for (const offset of new Set([0, length >> 1, Math.max(0, length - 1), length])) {
          const fetched = fetchPart(offset);
          expect(await fetched.total).toBe(length);
          expect(Buffer.compare(fetched.bytes(), bytes.subarray(offset))).toBe(0);
          expect(ends().coordinator.partRequests.at(-1)).toEqual({
            task: sampleTask(),
            digest: snapshot,
            part,
            offset,
          });
        }
      }
    });

    test('are refused by type: past the end, another part, another task, a stale token, another session, a stranger', async () => {
      keepPart(sampleBytes(100));
      ends().coordinator.blobs.set(sampleDigest(52), sampleBytes(10));
      const codes = async (call: ReturnType<typeof fetchPart>) => {
        const { code } = await failure(call.total);
        expect(call.bytes().length).toBe(0);
        return code;
      };
      expect(await codes(fetchPart(101))).toBe('invalid_argument');
      expect(await codes(fetchPart(0, { part: sampleDigest(52) }))).toBe('not_found');
      expect(await codes(fetchPart(0, { digest: sampleDigest(53) }))).toBe('not_found');
      expect(await codes(fetchPart(0, { task: { token: 0 } }))).toBe('stale_fencing_token');
      expect(await codes(fetchPart(0, { session: strangeSession }))).toBe('stale_fencing_token');
      expect(await codes(fetchPart(0, { token: 'x' }))).toBe('unauthenticated');
    });

    test('end when their caller aborts, at both ends', async () => {
      const { coordinator } = ends();
      keepPart(sampleBytes(100));
      coordinator.hold = true;
      const abort = new AbortController();
      const fetched = failure(fetchPart(0, { signal: abort.signal }).total);
      await expect.poll(() => coordinator.waiting, patience).toBe(1);
      abort.abort(new DomainError('cancelled', 'enough'));
      expect((await fetched).code).toBe('cancelled');
      await expect.poll(() => coordinator.waiting, patience).toBe(0);
    });
  });

  describe('secrets', () => {
    test('come as they are, the largest too, as often as they are asked for', async () => {
      const { gateway, coordinator } = ends();
      for (const value of ['s3cr3t', '', 'ünï\n\u{1fabf}\u0000', 'x'.repeat(maxSecretBytes)]) {
        coordinator.secrets.set('KEY', value);
        expect(await gateway.readSecret(credentials, session, sampleTask(), 'KEY')).toBe(value);
        expect(await gateway.readSecret(credentials, session, sampleTask(), 'KEY')).toBe(value);
      }
    });

    test('are refused by type, and no refusal holds a value', async () => {
      const { gateway, coordinator } = ends();
      coordinator.secrets.set('KEY', 'canary-4d1e');
      const stale = { ...sampleTask(), token: 0 };
      const errors = [
        await failure(gateway.readSecret(credentials, session, sampleTask(), 'OTHER')),
        await failure(gateway.readSecret(credentials, session, stale, 'KEY')),
        await failure(gateway.readSecret(credentials, strangeSession, sampleTask(), 'KEY')),
        await failure(gateway.readSecret({ token: 'x' }, session, sampleTask(), 'KEY')),
      ];
      expect(errors.map(({ code }) => code)).toEqual([
        'permission_denied',
        'stale_fencing_token',
        'stale_fencing_token',
        'unauthenticated',
      ]);
      expect(errors.map((error) => `${error.message} ${JSON.stringify(error.details)}`).join()).not.toContain('canary');
    });

    test('end when their caller aborts, at both ends', async () => {
      const { gateway, coordinator } = ends();
      coordinator.hold = true;
      const abort = new AbortController();
      const read = failure(gateway.readSecret(credentials, session, sampleTask(), 'KEY', abort.signal));
      await expect.poll(() => coordinator.waiting, patience).toBe(1);
      abort.abort(new DomainError('cancelled', 'enough'));
      expect((await read).code).toBe('cancelled');
      await expect.poll(() => coordinator.waiting, patience).toBe(0);
    });
  });
};
