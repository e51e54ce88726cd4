import { defaultTenant } from '@skein/domain';
import type { MemoryCommit } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { publication } from './project-fixtures.ts';
import { creating, going, note, proposing } from './run-fixtures.ts';
import { durableTest, type MakeHarness, type StoresUnderTest, useHarness } from './store-harness.ts';

const tenant = defaultTenant;
const scope = 'agent/triage';

const commitOf = (expectedRevision: number, change: Partial<MemoryCommit> = {}): MemoryCommit => ({
  tenant,
  scope,
  expectedRevision,
  next: { text: `text ${expectedRevision + 1}`, change: { kind: 'set', by: 'ann' } },
  proposals: [],
  at: 5_000 + expectedRevision,
  ...change,
});

const statusOnly = (expectedRevision: number, change: Partial<MemoryCommit> = {}): MemoryCommit => {
  const { next: _, ...commit } = commitOf(expectedRevision, change);
  return commit;
};

/** Conformance of the memory store: scopes, history, proposals and the commit that turns these into that. */
export const describeMemoryStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: memory store`, () => {
    describeRevisions(make);
    describeProposals(make);
  });
};

const describeRevisions = (make: MakeHarness): void => {
  const harness = useHarness(make);

  test('keeps each revision whole, with its instant and what made it', async () => {
    const { memory, projects } = await harness.open();
    const revert = { text: 'text 1', change: { kind: 'revert', runId: 'run_1', by: 'bob' } } as const;
    const fold = { text: 'text 3', change: { kind: 'fold', proposalIds: ['a', 'b'] } } as const;
    for (const commit of [commitOf(0), commitOf(1), commitOf(2, { next: fold }), commitOf(3, { next: revert })]) {
      expect(await memory.commit(commit)).toBe('committed');
    }
    expect(await memory.readRevision(tenant, scope, 3)).toEqual({ scope, revision: 3, at: 5_002, ...fold });
    expect(await memory.readRevision(tenant, scope, 5)).toBeUndefined();
    expect(await memory.readRevision(tenant, scope, 0)).toBeUndefined();
    const first = await memory.history(tenant, scope, 3);
    expect(first.items.map(({ revision, text }) => [revision, text])).toEqual([
      [4, 'text 1'],
      [3, 'text 3'],
      [2, 'text 2'],
    ]);
    const rest = await memory.history(tenant, scope, 3, first.nextCursor);
    expect(rest).toEqual({
      items: [{ scope, revision: 1, text: 'text 1', at: 5_000, change: { kind: 'set', by: 'ann' } }],
    });
    expect((await memory.history(tenant, scope, 4)).nextCursor).toBeUndefined();
    expect(await projects.readMemory(tenant, [scope])).toEqual([{ scope, revision: 4, text: 'text 1' }]);
    await expect(memory.history(tenant, scope, 3, 'nonsense')).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('lists the scopes of a tenant by name, and knows nothing of a stranger', async () => {
    const { memory } = await harness.open();
    for (const each of ['global', 'dag/b', 'agent/a']) await memory.commit(commitOf(0, { scope: each }));
    await memory.commit(commitOf(0, { tenant: 'other', scope: 'dag/theirs' }));
    expect(await memory.listScopes(tenant)).toEqual([
      { scope: 'agent/a', revision: 1, text: 'text 1' },
      { scope: 'dag/b', revision: 1, text: 'text 1' },
      { scope: 'global', revision: 1, text: 'text 1' },
    ]);
    expect(await memory.history('other', 'global', 5)).toEqual({ items: [] });
    expect(await memory.readRevision('other', 'global', 1)).toBeUndefined();
  });

  test('a scope that is dropped is gone with its history, and nothing else is; it may begin again', async () => {
    const { memory } = await harness.open();
    for (const each of ['agent/a', 'agent/a@rol_1.1']) await memory.commit(commitOf(0, { scope: each }));
    await memory.commit(commitOf(1, { scope: 'agent/a@rol_1.1' }));
    await memory.commit(commitOf(0, { tenant: 'other', scope: 'agent/a@rol_1.1' }));
    for (let times = 0; times < 2; times += 1) await memory.drop(tenant, 'agent/a@rol_1.1');
    expect((await memory.listScopes(tenant)).map((one) => one.scope)).toEqual(['agent/a']);
    expect(await memory.history(tenant, 'agent/a@rol_1.1', 9)).toEqual({ items: [] });
    expect((await memory.history(tenant, 'agent/a', 9)).items).toHaveLength(1);
    expect(await memory.listScopes('other')).toHaveLength(1);
    expect(await memory.commit(commitOf(0, { scope: 'agent/a@rol_1.1' }))).toBe('committed');
  });

  test('a commit from another revision is a conflict that writes nothing', async () => {
    const { memory, projects } = await harness.open();
    expect(await memory.commit(commitOf(1))).toBe('conflict');
    expect(await memory.commit(commitOf(0))).toBe('committed');
    const before = await projects.revision(tenant);
    for (const stale of [0, 2]) expect(await memory.commit(commitOf(stale))).toBe('conflict');
    expect((await memory.history(tenant, scope, 9)).items.map(({ revision }) => revision)).toEqual([1]);
    expect(await projects.revision(tenant)).toBe(before);
  });

  test('of concurrent commits to one revision exactly one wins, and each revision is written once', async () => {
    const { memory } = await harness.open();
    const asked = Array.from({ length: 12 }, (_, index) =>
      commitOf(Math.floor(index / 4), { next: { text: `by ${index}`, change: { kind: 'set', by: String(index) } } }),
    );
    const told = await Promise.all(asked.map((commit) => memory.commit(commit)));
    const winners = told.flatMap((outcome, index) => (outcome === 'committed' ? [index] : []));
    const { items } = await memory.history(tenant, scope, 20);
    expect(items.toReversed().map(({ change }) => ('by' in change ? Number(change.by) : -1))).toEqual(winners);
    expect(items.map(({ revision }) => revision)).toEqual(winners.map((_, index) => winners.length - index));
    expect(winners.filter((index) => index < 4)).toHaveLength(1);
  });

  test('a new text raises the revision of the tenant’s project, a change of proposals does not', async () => {
    const { memory, projects, runs } = await harness.open();
    await runs.append({ ...creating('run_1'), proposals: [proposing('run_1', 0)] });
    const before = await projects.revision(tenant);
    await memory.commit(
      statusOnly(0, { proposals: [{ proposalId: 'run_1:step:1:0', from: 'pending', to: 'review' }] }),
    );
    expect(await projects.revision(tenant)).toBe(before);
    await memory.commit(commitOf(0));
    expect(await projects.revision(tenant)).toBeGreaterThan(before);
    expect(await projects.revision('other')).toBe(0);
  });

  test('a seed is the first revision of its scope, and comes too late for one that exists', async () => {
    const { memory, projects } = await harness.open();
    await memory.commit(commitOf(0));
    const seeds = publication({ memory: [scope, 'global'].map((each) => ({ scope: each, text: 'seeded' })), at: 77 });
    expect((await projects.publish(seeds)).memory).toEqual([
      { scope, seeded: false },
      { scope: 'global', seeded: true },
    ]);
    expect((await memory.history(tenant, scope, 9)).items.map(({ text }) => text)).toEqual(['text 1']);
    const seeded = { scope: 'global', revision: 1, text: 'seeded', at: 77, change: { kind: 'seed' } };
    expect((await memory.history(tenant, 'global', 9)).items).toEqual([seeded]);
    expect(await memory.commit(commitOf(1, { scope: 'global' }))).toBe('committed');
    expect((await projects.publish(seeds)).memory.map((seed) => seed.seeded)).toEqual([false, false]);
    expect((await projects.readMemory(tenant, ['global']))[0]?.revision).toBe(2);
  });

  test('a seed and a commit that race for a new scope leave one first revision, of which the history tells', async () => {
    const { memory, projects } = await harness.open();
    for (let round = 0; round < 8; round += 1) {
      const each = `dag/${round}`;
      const seed = () => projects.publish(publication({ memory: [{ scope: each, text: 'seeded' }] }));
      const set = () => memory.commit(commitOf(0, { scope: each }));
      const [a, b] = await Promise.all(round % 2 === 0 ? [seed(), set()] : [set(), seed()]);
      const [told, outcome] = typeof a === 'string' ? [b, a] : [a, b];
      const seeded = typeof told === 'object' && told.memory[0]?.seeded;
      expect(outcome).toBe(seeded ? 'conflict' : 'committed');
      expect((await memory.history(tenant, each, 9)).items).toMatchObject([
        seeded ? { text: 'seeded', change: { kind: 'seed' } } : { text: 'text 1', change: { kind: 'set' } },
      ]);
    }
  });

  durableTest(harness, 'history and proposals survive a restart', async (reopen) => {
    const { memory, runs } = await harness.open();
    await runs.append({ ...creating('run_1'), proposals: [proposing('run_1', 0)] });
    await memory.commit(commitOf(0));
    const again = (await reopen()).memory;
    expect((await again.history(tenant, scope, 9)).items).toHaveLength(1);
    expect(await again.findProposal(tenant, 'run_1:step:1:0')).toEqual(proposing('run_1', 0));
    expect(await again.commit(commitOf(1))).toBe('committed');
  });
};

const describeProposals = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(7);

  const propose = async ({ runs }: StoresUnderTest, count: number, change = {}, of = tenant): Promise<string> => {
    const runId = ids.next('run');
    const proposals = Array.from({ length: count }, (_, index) => proposing(runId, index, change));
    await runs.append({ ...creating(runId, { tenant: of }), proposals });
    return runId;
  };

  test('finds a proposal by its id and lists them by scope, status and run, oldest first, in pages', async () => {
    const stores = await harness.open();
    const { memory } = stores;
    const mine = await propose(stores, 3);
    const late = await propose(stores, 2, { scope: 'global', at: 9_000, status: 'review', reason: 'a person decides' });
    const early = await propose(stores, 1, { at: 10, op: 'replace', basis: 'old', revision: 3, status: 'folded' });
    await propose(stores, 1, {}, 'other');
    const listed = async (filter: object) =>
      (await memory.listProposals({ tenant, limit: 10, ...filter })).items.map(({ proposalId }) => proposalId);
    const idsOf = (runId: string, count: number) => Array.from({ length: count }, (_, at) => `${runId}:step:1:${at}`);
    expect(await listed({})).toEqual([...idsOf(early, 1), ...idsOf(mine, 3), ...idsOf(late, 2)]);
    expect(await listed({ scope: 'global' })).toEqual(idsOf(late, 2));
    expect(await listed({ scope, status: 'pending' })).toEqual(idsOf(mine, 3));
    expect(await listed({ status: 'review' })).toEqual(idsOf(late, 2));
    expect(await listed({ status: 'folded' })).toEqual(idsOf(early, 1));
    expect(await listed({ runId: mine, status: 'review' })).toEqual([]);
    expect(await listed({ runId: late })).toEqual(idsOf(late, 2));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await memory.listProposals({ tenant, limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeGreaterThan(0);
      seen.push(...page.items.map(({ proposalId }) => proposalId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(await listed({}));
    const whole = { op: 'replace', basis: 'old', revision: 3, at: 10, status: 'folded' } as const;
    expect(await memory.findProposal(tenant, `${early}:step:1:0`)).toEqual(proposing(early, 0, whole));
    expect(await memory.findProposal('other', `${early}:step:1:0`)).toBeUndefined();
    expect(await memory.findProposal(tenant, 'none')).toBeUndefined();
  });

  test('names the scopes that have pending proposals, of all tenants, the longest waiting first', async () => {
    const stores = await harness.open();
    const { memory } = stores;
    expect(await memory.pendingScopes(10)).toEqual([]);
    const run = await propose(stores, 3);
    await propose(stores, 2, { scope: 'global', at: 400 });
    await propose(stores, 1, { at: 700 }, 'other');
    await propose(stores, 2, { scope: 'dag/x', status: 'review', at: 1 });
    const waiting = [
      { tenant, scope: 'global', count: 2, oldestAt: 400 },
      { tenant: 'other', scope, count: 1, oldestAt: 700 },
      { tenant, scope, count: 3, oldestAt: 1_000 },
    ];
    expect(await memory.pendingScopes(10)).toEqual(waiting);
    expect(await memory.pendingScopes(2)).toEqual(waiting.slice(0, 2));
    for (const of of [tenant, 'other', 'none']) {
      expect(await memory.pendingScopes(10, of)).toEqual(waiting.filter((one) => one.tenant === of));
    }
    const folded = [0, 1].map(
      (index) => ({ proposalId: `${run}:step:1:${index}`, from: 'pending', to: 'folded' }) as const,
    );
    await memory.commit(commitOf(0, { proposals: folded }));
    expect((await memory.pendingScopes(10))[2]).toEqual({ tenant, scope, count: 1, oldestAt: 1_002 });
  });

  test('folds, drops and reverts: each proposal tells its status, the reason and the revision it went into', async () => {
    const stores = await harness.open();
    const { memory } = stores;
    const run = await propose(stores, 3);
    const id = (index: number) => `${run}:step:1:${index}`;
    const fold = await memory.commit(
      commitOf(0, {
        next: { text: 'line 0', change: { kind: 'fold', proposalIds: [id(0)] } },
        proposals: [
          { proposalId: id(0), from: 'pending', to: 'folded' },
          { proposalId: id(1), from: 'pending', to: 'review', reason: 'the passage is gone' },
          { proposalId: id(2), from: 'pending', to: 'dropped', reason: 'too long' },
        ],
      }),
    );
    expect(fold).toBe('committed');
    const at = async (index: number) => memory.findProposal(tenant, id(index));
    expect(await at(0)).toEqual(proposing(run, 0, { status: 'folded', revision: 1 }));
    expect(await at(1)).toEqual(proposing(run, 1, { status: 'review', reason: 'the passage is gone' }));
    expect(await at(2)).toEqual(proposing(run, 2, { status: 'dropped', reason: 'too long' }));
    await memory.commit(statusOnly(1, { proposals: [{ proposalId: id(1), from: 'review', to: 'pending' }] }));
    expect(await at(1)).toEqual(proposing(run, 1));
    const next = { text: '', change: { kind: 'revert', runId: run, by: 'ann' } } as const;
    await memory.commit(commitOf(1, { next, proposals: [{ proposalId: id(0), from: 'folded', to: 'reverted' }] }));
    expect(await at(0)).toEqual(proposing(run, 0, { status: 'reverted', revision: 1 }));
  });

  test('one proposal that has moved on, is of another scope or unknown makes the whole commit a conflict', async () => {
    const stores = await harness.open();
    const { memory, projects } = stores;
    const run = await propose(stores, 2);
    const foreign = await propose(stores, 1, { scope: 'global' });
    const good = { proposalId: `${run}:step:1:0`, from: 'pending', to: 'folded' } as const;
    const bad = [
      { proposalId: `${run}:step:1:1`, from: 'review', to: 'folded' },
      { proposalId: `${foreign}:step:1:0`, from: 'pending', to: 'folded' },
      { proposalId: 'none', from: 'pending', to: 'folded' },
      good,
    ] as const;
    for (const stray of bad) {
      expect(await memory.commit(commitOf(0, { proposals: [good, stray] })), stray.proposalId).toBe('conflict');
      expect(await memory.commit(statusOnly(0, { proposals: [good, stray] })), stray.proposalId).toBe('conflict');
    }
    expect(await memory.commit(statusOnly(1, { proposals: [good] }))).toBe('conflict');
    expect(await memory.findProposal(tenant, good.proposalId)).toEqual(proposing(run, 0));
    expect(await memory.listScopes(tenant)).toEqual([]);
    expect(await projects.revision(tenant)).toBe(0);
    expect(await memory.commit(commitOf(0, { proposals: [good] }))).toBe('committed');
  });

  test('proposals come with the append that they belong to, each once by its id, and never with one that was refused', async () => {
    const stores = await harness.open();
    const { memory, runs } = stores;
    const run = await propose(stores, 1);
    const { head } = creating(run);
    const again = [proposing(run, 0, { text: 'another text' }), proposing(run, 1), proposing(run, 1)];
    expect(await runs.append({ ...going(head, [note('a')]), proposals: again })).toEqual({ status: 'appended' });
    expect(await memory.findProposal(tenant, `${run}:step:1:0`)).toEqual(proposing(run, 0));
    const late = { ...going(head, [note('late')]), proposals: [proposing(run, 2)] };
    expect(await runs.append(late)).toMatchObject({ status: 'conflict' });
    const stray = { ...going({ ...head, seq: 2 }, [note('b')]), proposals: [proposing('run_other', 3)] };
    await expect(runs.append(stray)).rejects.toMatchObject({ code: 'invalid_argument' });
    const stale = { ...going({ ...head, seq: 2 }, [note('b')]), expectsRevision: 99, proposals: [proposing(run, 4)] };
    await expect(runs.append(stale)).rejects.toMatchObject({ code: 'version_conflict' });
    expect((await memory.listProposals({ tenant, limit: 10 })).items).toEqual([proposing(run, 0), proposing(run, 1)]);
  });

  test('cleans NUL and lone surrogates from what goes into memory', async () => {
    const stores = await harness.open();
    const { memory } = stores;
    const odd = 'a\u0000b\ud800c 😀';
    const clean = 'ab\ufffdc 😀';
    const run = await propose(stores, 1, { text: odd, basis: odd, op: 'replace' });
    expect(await memory.findProposal(tenant, `${run}:step:1:0`)).toMatchObject({ text: clean, basis: clean });
    await memory.commit(commitOf(0, { next: { text: odd, change: { kind: 'set', by: 'ann' } } }));
    expect((await memory.readRevision(tenant, scope, 1))?.text).toBe(clean);
    expect((await memory.listScopes(tenant))[0]?.text).toBe(clean);
  });

  test('a thousand runs that propose at once all land, and one fold takes them all', async () => {
    const stores = await harness.open();
    const { memory, runs } = stores;
    const made = Array.from({ length: 1_000 }, () => ids.next('run'));
    const outcomes = await Promise.all(
      made.map((runId) => runs.append({ ...creating(runId), proposals: [proposing(runId, 0)] })),
    );
    expect(outcomes.every(({ status }) => status === 'appended')).toBe(true);
    expect(await memory.pendingScopes(5)).toEqual([{ tenant, scope, count: 1_000, oldestAt: 1_000 }]);
    const { items } = await memory.listProposals({ tenant, scope, status: 'pending', limit: 2_000 });
    expect(new Set(items.map(({ runId }) => runId))).toEqual(new Set(made));
    const proposals = items.map(({ proposalId }) => ({ proposalId, from: 'pending', to: 'folded' }) as const);
    expect(await memory.commit(commitOf(0, { proposals }))).toBe('committed');
    expect(await memory.pendingScopes(5)).toEqual([]);
  });
};
