import { DomainError } from '@skein/domain';
import type { AuditEntry } from '@skein/ports';
import { createMemoryLog, createSequenceIds, FakeClock, MemoryAuditStore } from '@skein/testkit';
import { expect, test } from 'vitest';
import { AuditLog, type AuditNote, defaultAuditConfig } from './audit-log.ts';

const note = (target: string): AuditNote => ({
  tenant: 'default',
  actor: { kind: 'token', id: 'tok_1', name: 'ci' },
  action: 'POST /api/runs',
  target,
  outcome: 'done',
});

const open = (settings: Partial<typeof defaultAuditConfig> = {}) => {
  const clock = new FakeClock();
  const store = new MemoryAuditStore();
  const written: (readonly AuditEntry[])[] = [];
  const state = { fails: 0, isSlow: false, resume: () => {} };
  const counted = new Map<string, number>();
  const log = createMemoryLog();
  const audit = new AuditLog(
    {
      clock,
      ids: createSequenceIds(),
      log,
      meter: {
        count: (name, by = 1) => counted.set(name, (counted.get(name) ?? 0) + by),
        gauge: () => undefined,
        observe: () => undefined,
      },
      audit: {
        append: async (entries) => {
          if (state.isSlow) await new Promise<void>((resolve) => (state.resume = resolve));
          if (state.fails > 0) {
            state.fails -= 1;
            // Half of what fails went through.
            await store.append(entries.slice(0, 1));
            throw new DomainError('unavailable', 'the store is away');
          }
          written.push(entries);
          await store.append(entries);
        },
        list: (filter) => store.list(filter),
        prune: (before) => store.prune(before),
      },
    },
    { ...defaultAuditConfig, ...settings },
  );
  const targets = async () =>
    (await store.list({ tenant: 'default', limit: 1_000 })).items.map(({ target }) => target).toReversed();
  return { clock, store, written, state, counted, log, audit, targets };
};

test('entries are gathered and written together', async () => {
  const { audit, clock, written, targets } = open();
  for (const target of ['a', 'b', 'c']) (await audit.open())(note(target));
  expect(await targets()).toEqual([]);
  await clock.advance(100);
  expect(written.map((entries) => entries.length)).toEqual([3]);
  expect(await targets()).toEqual(['a', 'b', 'c']);
});

test('a place makes one entry, however often it is used', async () => {
  const { audit, targets } = open();
  const end = await audit.open();
  end(note('a'));
  end(note('b'));
  await audit.flush();
  expect(await targets()).toEqual(['a']);
});

test('a store that is away for a while loses nothing and repeats nothing', async () => {
  const { audit, clock, state, targets, counted } = open();
  state.fails = 2;
  for (const target of ['a', 'b']) (await audit.open())(note(target));
  await clock.advance(100);
  expect(counted.get('skein_audit_write_failures_total')).toBe(1);
  (await audit.open())(note('c'));
  await clock.advance(5_000);
  expect(await targets()).toEqual(['a', 'b', 'c']);
});

test('with a full buffer writes wait for room, and are refused when there is none for long; nothing is lost', async () => {
  const { audit, clock, state, targets, log } = open({ maxWaiting: 2, waitMs: 1_000 });
  state.isSlow = true;
  (await audit.open())(note('a'));
  (await audit.open())(note('b'));
  await clock.advance(100);
  let begun = false;
  const third = audit.open().then((end) => {
    begun = true;
    end(note('c'));
  });
  await clock.advance(900);
  expect(begun).toBe(false);
  expect(log.lines).toMatchObject([{ level: 'warn', message: 'the audit log is full: writes wait' }]);
  state.isSlow = false;
  state.resume();
  await third;
  await audit.close();
  expect(await targets()).toEqual(['a', 'b', 'c']);

  const stuck = open({ maxWaiting: 1, waitMs: 1_000 });
  await stuck.audit.open();
  const refused = stuck.audit.open().then(
    () => 'opened',
    (thrown: unknown) => (thrown instanceof DomainError ? thrown.code : thrown),
  );
  await stuck.clock.advance(1_000);
  expect(await refused).toBe('unavailable');
});

test('of places that become free, no more are taken than there are', async () => {
  const { audit, clock } = open({ maxWaiting: 1, waitMs: 10_000 });
  const end = await audit.open();
  let opened = 0;
  for (let count = 0; count < 5; count += 1) void audit.open().then(() => (opened += 1));
  end(note('a'));
  await clock.advance(200);
  expect(opened).toBe(1);
});

test('refusals never wait; whoever is refused over and over is written down a few times, and then how often', async () => {
  const { audit, clock, store, counted } = open();
  const refusal = { ...note('x'), outcome: 'permission_denied' };
  for (let count = 0; count < 1_000; count += 1) audit.refused(refusal);
  await clock.advance(60_000);
  audit.refused(refusal);
  audit.refused({ ...refusal, actor: { kind: 'worker', id: 'wrk_1' } });
  await audit.flush();
  const { items } = await store.list({ tenant: 'default', limit: 1_000 });
  expect(items).toHaveLength(22);
  expect(items.find(({ details }) => details !== undefined)?.details).toEqual({ suppressed: 980 });
  expect(counted.get('skein_audit_suppressed_total')).toBe(980);
});

test('what waits is written when it closes, also after a failure; what then cannot be is said', async () => {
  const { audit, state, targets } = open();
  state.fails = 1;
  (await audit.open())(note('a'));
  await audit.close();
  expect(await targets()).toEqual(['a']);

  const broken = open();
  broken.state.fails = 99;
  (await broken.audit.open())(note('a'));
  (await broken.audit.open())(note('b'));
  await broken.audit.close();
  expect(broken.log.lines.at(-1)).toMatchObject({ level: 'error', fields: { entries: 2 } });
  expect(broken.counted.get('skein_audit_lost_total')).toBe(2);
});
