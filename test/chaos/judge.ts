import type { RunFact } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import {
  assertConsumedOnce,
  assertFenced,
  assertNoDroppedDeliveries,
  assertNoDuplicateEffects,
  assertNoLost,
  assertOrderPerKey,
  factOfEvent,
  type History,
} from '@skein/testkit';
import type { RunJson } from '../e2e/stack.ts';
import { agentDags, stepsOf } from './chaos-project.ts';
import type { ChaosReport } from './chaos-report.ts';
import type { ChaosTarget } from './chaos-target.ts';
import type { Ledger } from './ledger.ts';
import type { Load } from './load.ts';
import type { Talk } from './talk.ts';

/** What the logs say of all that was accepted. */
export type Judgement = Pick<
  ChaosReport,
  'lost' | 'duplicates' | 'unproved' | 'broken' | 'poisoned' | 'fenced' | 'effects' | 'messages'
>;

const all = async <T>(
  read: (cursor: string | undefined) => Promise<{ items: readonly T[]; nextCursor?: string | undefined }>,
) => {
  const found: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await read(cursor);
    found.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) return found;
  }
};

/** The log of a run that is over. */
export const factsOf = async (client: SkeinClient, runId: string): Promise<readonly RunFact[]> => {
  const facts: RunFact[] = [];
  for await (const event of client.runs.watch(runId))
    facts.push(factOfEvent(event as unknown as Parameters<typeof factOfEvent>[0]));
  return facts;
};

/** How many messages a run has read. */
export const readingsOf = (facts: readonly RunFact[]): number =>
  facts.reduce((sum, fact) => {
    if (fact.type === 'turn_planned') return sum + (fact.entry.consumed?.length ?? 0);
    return fact.type === 'step_answered' && fact.step === 'word' ? sum + 1 : sum;
  }, 0);

const historyOf = async (stack: ChaosTarget, load: Load, talk: Talk, ledger: Ledger): Promise<History> => {
  const runs: { runId: string; facts: readonly RunFact[] }[] = [];
  for (const { runId } of load.accepted)
    if (load.ends.has(runId)) runs.push({ runId, facts: await factsOf(stack.client, runId) });
  const events: History['events'][number][] = [];
  for (let after = 0; ; ) {
    const page = await stack.client.deliveryEvents.read({ after, limit: 1_000 });
    events.push(
      ...page.items.map(
        (item) => ({ ...item, tenant: 'default', at: Date.parse(item.at) }) as unknown as History['events'][number],
      ),
    );
    if (page.items.length === 0) break;
    after = page.next;
  }
  const deadLetters = await all(async (cursor) =>
    stack.client.deadLetters.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) }),
  );
  const ended = new Set(runs.map(({ runId }) => runId));
  return {
    runs,
    // Runs that have not ended are counted apart.
    accepted: load.accepted.filter(({ runId }) => ended.has(runId)),
    acceptedMessages: talk.accepted.filter(({ runId }) => ended.has(runId)),
    events,
    deadLetters: deadLetters as unknown as History['deadLetters'],
    effects: ledger.effects.map((key) => {
      const [runId = '', step = '', , turn, index] = key.split(':');
      // The key is the same in each attempt, so whose it was does not matter: each may be there once.
      const place = { turn: Number(turn), index: Number(index), token: 0 };
      return { kind: 'tool', runId, step, tool: 'bash', key, isEffect: true, ...place };
    }),
  };
};

/**
 * Runs of schedules, and those that have not ended, have no log here: what left them proves nothing. Their events keep their
 * numbers, so that none may be missing, as events that stand for no item.
 */
const deliveriesOfRuns = ({ runs, events, deadLetters }: History): Parameters<typeof assertNoDroppedDeliveries>[0] => {
  const known = new Set(runs.map(({ runId }) => runId));
  return {
    runs,
    events: events.map((event) => (known.has(event.runId) ? event : { ...event, kind: 'fenced' as const })),
    deadLetters: deadLetters.filter(({ runId }) => known.has(runId)),
  };
};

/** Holds the run logs against the DAGs, against the ledger, and against the rules of delivery. */
export const judgeRuns = async (stack: ChaosTarget, load: Load, talk: Talk, ledger: Ledger): Promise<Judgement> => {
  const lost = load.open.map((run) => `${run.dag} ${run.runId} has not ended`);
  const duplicates: string[] = [];
  const broken: string[] = [];
  const unproved: string[] = [];
  let poisoned = 0;
  let effects = 0;
  const history = await historyOf(stack, load, talk, ledger);
  assertNoLost(history, (problem) => lost.push(problem));
  assertNoDuplicateEffects(history, (problem) => duplicates.push(problem));
  assertConsumedOnce(history, (problem) => duplicates.push(problem));
  for (const check of [assertFenced, assertOrderPerKey]) check(history, (problem) => broken.push(problem));
  assertNoDroppedDeliveries(deliveriesOfRuns(history), (problem) => broken.push(problem));
  const proofs = new Set([
    ...ledger.lines.filter((line) => line.kind === 'end').map((line) => `${line.runId} ${line.step} ${line.attempt}`),
    ...ledger.effects,
  ]);
  const messages = { accepted: talk.accepted.length, repeated: talk.repeated, consumed: 0, ended: 0 };
  const dags = new Map(load.accepted.map(({ runId, dag }) => [runId, dag]));
  for (const { runId, facts } of history.runs) {
    const [dag = '', end] = [dags.get(runId), load.ends.get(runId)];
    const steps = new Set<string>();
    messages.consumed += readingsOf(facts);
    for (const fact of facts) {
      if (fact.type === 'message_ended') messages.ended += 1;
      if (fact.type === 'tool_done' && fact.entry.tool === 'bash' && fact.entry.settled === undefined) {
        const key = `${runId}:${fact.step}:0:${fact.entry.turn}:${fact.entry.index}`;
        effects += 1;
        if (!fact.entry.isError && !proofs.has(key)) unproved.push(`${dag} ${key}`);
      }
      if (fact.type !== 'step_finished' || fact.result.outcome.status !== 'succeeded') continue;
      if (steps.has(fact.step)) duplicates.push(`${dag} ${runId} ${fact.step} succeeded twice`);
      steps.add(fact.step);
      const proof = `${runId} ${fact.step} ${fact.attempt}`;
      if (!agentDags.includes(dag) && !proofs.has(proof)) unproved.push(`${dag} ${proof}`);
    }
    if (end?.status === 'succeeded' && steps.size !== stepsOf[dag])
      lost.push(`${dag} ${runId} succeeded with ${steps.size} of ${stepsOf[dag]} steps`);
    if (end?.status === 'succeeded') continue;
    if (isPoison(end, facts)) poisoned += 1;
    else lost.push(`${dag} ${runId} ended as ${end?.status}: ${end?.error?.code} ${end?.error?.message}`);
  }
  const fenced = history.events.filter(({ kind }) => kind === 'fenced').length;
  return { lost, duplicates, unproved, broken, poisoned, fenced, effects, messages };
};

/** A step that lost its worker three times is given up; with random kills that may happen to the innocent. */
const isPoison = (end: RunJson | undefined, facts: readonly RunFact[]): boolean =>
  end?.status === 'failed' && facts.some((fact) => fact.type === 'step_lost' && fact.deadLetter !== undefined);
