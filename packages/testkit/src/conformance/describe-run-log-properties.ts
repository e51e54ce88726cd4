import { cleanText, defaultTenant, type RunFact } from '@skein/domain';
import type { AppendOutcome, RunHead, RunStore } from '@skein/ports';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSequenceIds } from '../sequence-ids.ts';
import { creating, going, note } from './run-fixtures.ts';
import { type MakeHarness, useHarness } from './store-harness.ts';

const tenant = defaultTenant;

/** What the log must look like: per run its facts and head, and the keys that made runs. */
interface Model {
  readonly runs: Map<string, { head: RunHead; facts: RunFact[] }>;
  readonly keys: Map<string, { readonly runId: string; readonly body: string }>;
}

type LogCommand = fc.AsyncCommand<Model, RunStore, false>;

const oddText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('\u0000', '\ud800', '\udc00', '"', '\\', 'a', '\n', '😀', '\u2028') }),
);

const cleaned = (facts: readonly RunFact[]): RunFact[] =>
  facts.map((fact) => (fact.type === 'cancel_requested' ? { ...fact, message: cleanText(fact.message ?? '') } : fact));

class Create implements LogCommand {
  readonly runId: string;
  readonly key: string | undefined;
  readonly body: string;
  readonly facts: readonly RunFact[];

  constructor(run: number, key: string | undefined, body: string, texts: readonly string[], scope: string) {
    this.runId = `${scope}-${run}`;
    this.key = key === undefined ? undefined : `${scope}-${key}`;
    this.body = body;
    this.facts = texts.map((text) => note(text));
  }

  check = () => true;

  async run(model: Model, store: RunStore): Promise<void> {
    const creation = this.key === undefined ? {} : { idempotency: { key: this.key, bodyDigest: this.body } };
    const request = creating(this.runId, { facts: this.facts, creation });
    const made = this.key === undefined ? undefined : model.keys.get(this.key);
    const existing = model.runs.get(this.runId);
    let expected: AppendOutcome = { status: 'appended' };
    if (made !== undefined) expected = { status: 'duplicate', runId: made.runId, sameBody: made.body === this.body };
    else if (existing !== undefined) expected = { status: 'conflict', seq: existing.head.seq };
    expect(await store.append(request)).toEqual(expected);
    if (expected.status !== 'appended') return;
    model.runs.set(this.runId, { head: request.head, facts: cleaned(this.facts) });
    if (this.key !== undefined) model.keys.set(this.key, { runId: this.runId, body: this.body });
  }

  toString = () => `create(${this.runId}, ${this.key}, ${this.body}, ${this.facts.length})`;
}

class Append implements LogCommand {
  readonly runId: string;
  readonly behind: number;
  readonly facts: readonly RunFact[];

  constructor(run: number, behind: number, texts: readonly string[], scope: string) {
    this.runId = `${scope}-${run}`;
    this.behind = behind;
    this.facts = texts.map((text) => note(text));
  }

  check = (model: Readonly<Model>) => (model.runs.get(this.runId)?.head.seq ?? 0) > this.behind;

  async run(model: Model, store: RunStore): Promise<void> {
    const run = model.runs.get(this.runId);
    if (run === undefined) return;
    const request = going(run.head, this.facts, { status: 'running' }, run.head.seq - this.behind);
    const outcome = await store.append(request);
    if (this.behind > 0) {
      expect(outcome).toEqual({ status: 'conflict', seq: run.head.seq });
      return;
    }
    expect(outcome).toEqual({ status: 'appended' });
    run.head = request.head;
    run.facts.push(...cleaned(this.facts));
  }

  toString = () => `append(${this.runId}, behind ${this.behind}, ${this.facts.length})`;
}

class Read implements LogCommand {
  readonly runId: string;
  readonly after: number;
  readonly limit: number;

  constructor(run: number, after: number, limit: number, scope: string) {
    this.runId = `${scope}-${run}`;
    this.after = after;
    this.limit = limit;
  }

  check = (model: Readonly<Model>) => model.runs.has(this.runId);

  async run(model: Model, store: RunStore): Promise<void> {
    const run = model.runs.get(this.runId);
    expect(await store.readHead(tenant, this.runId)).toEqual(run?.head);
    const facts = await store.readFacts(tenant, this.runId, this.after, this.limit);
    expect(facts).toEqual(run?.facts.slice(this.after, this.after + this.limit));
  }

  toString = () => `read(${this.runId}, after ${this.after}, limit ${this.limit})`;
}

const commandsIn = (scope: string) => {
  const run = fc.nat({ max: 3 });
  const texts = fc.array(oddText, { minLength: 1, maxLength: 4 });
  const key = fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined });
  return fc.commands<Model, RunStore, false>(
    [
      fc.tuple(run, key, fc.constantFrom('b1', 'b2'), texts).map((args) => new Create(...args, scope)),
      fc.tuple(run, fc.constantFrom(0, 0, 0, 1, 2), texts).map((args) => new Append(...args, scope)),
      fc.tuple(run, fc.nat({ max: 9 }), fc.integer({ min: 1, max: 9 })).map((args) => new Read(...args, scope)),
    ],
    { maxCommands: 30 },
  );
};

/** Properties of the log: it agrees with a model, and concurrent writers leave no gap. */
export const describeRunLogProperties = (make: MakeHarness): void => {
  const harness = useHarness(make);
  const ids = createSequenceIds(5);

  test('agrees with a model under any sequence of creations, appends and reads', async () => {
    const { runs } = await harness.open();
    const scopes = fc.constant(null).map(() => ids.next('run'));
    await fc.assert(
      fc.asyncProperty(scopes.chain(commandsIn), async (commands) => {
        await fc.asyncModelRun(() => ({ model: { runs: new Map(), keys: new Map() }, real: runs }), commands);
      }),
      // A scope names fresh runs, so a smaller example cannot be tried on the same names.
      { numRuns: 60, endOnFailure: true },
    );
  }, 60_000);

  test('replays in order without gaps whatever the writers race for', async () => {
    const { runs } = await harness.open();
    const writers = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }), {
      minLength: 2,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(writers, async (plans) => {
        const create = creating(ids.next('run'));
        await runs.append(create);
        const { runId } = create;
        const won: string[][] = await Promise.all(plans.map((plan, writer) => race(runs, create.head, plan, writer)));
        const facts = await runs.readFacts(tenant, runId, 1);
        const head = await runs.readHead(tenant, runId);
        expect(head?.seq).toBe(facts.length + 1);
        const texts = facts.map((fact) => (fact as { message: string }).message);
        expect(texts.toSorted()).toEqual(won.flat().toSorted());
        for (const mine of won) expect(texts.filter((text) => mine.includes(text))).toEqual(mine);
      }),
      { numRuns: 30, endOnFailure: true },
    );
  }, 60_000);
};

/** One writer: appends each of its groups until it wins, re-reading the head after each conflict. Answers what it wrote. */
const race = async (runs: RunStore, created: RunHead, plan: readonly number[], writer: number): Promise<string[]> => {
  const written: string[] = [];
  let head = created;
  for (const [group, count] of plan.entries()) {
    const texts = Array.from({ length: count }, (_, index) => `${writer}.${group}.${index}`);
    const facts = texts.map((text) => note(text));
    let outcome = await runs.append(going(head, facts));
    while (outcome.status === 'conflict') {
      head = { ...head, seq: outcome.seq };
      outcome = await runs.append(going(head, facts));
    }
    head = { ...head, seq: head.seq + count };
    written.push(...texts);
  }
  return written;
};
