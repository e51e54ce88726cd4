import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Dag, RunCommand, RunFact, RunFactType, RunView } from '../index.ts';
import {
  createRunState,
  decide,
  decodeRunState,
  encodeFact,
  encodeRunState,
  evolve,
  evolveAll,
  planRun,
  viewRun,
} from '../index.ts';

/** What was done with a run: a command, or the facts of its plans until these make none. `now` in ms. */
type Turn = { readonly now: number } & ({ readonly command: RunCommand } | { readonly settle: true });

/**
 * A golden log: what was done (`turns`: each `now` with a `command`, or `settle` for what plans write by themselves), every fact byte for
 * byte as it was written, and what a reader saw at the end.
 */
interface GoldenLog {
  readonly description: string;
  readonly dag: Dag;
  readonly turns: readonly Turn[];
  readonly log?: readonly RunFact[];
  readonly view?: RunView;
}

const folder = new URL('../../test-data/run-logs/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .toSorted();

const play = ({ dag, turns }: GoldenLog): { readonly log: readonly RunFact[]; readonly view: RunView } => {
  const state = createRunState('default', 'run_1', dag);
  const log: RunFact[] = [];
  const apply = (facts: readonly RunFact[]): void => {
    for (const fact of facts) {
      log.push(fact);
      evolve(state, fact);
    }
  };
  for (const turn of turns) {
    if ('command' in turn) {
      const decision = decide(state, turn.command, turn.now);
      if (!decision.ok) throw decision.error;
      apply(decision.value);
      continue;
    }
    for (let plan = planRun(state, turn.now); plan.facts.length > 0; plan = planRun(state, turn.now)) apply(plan.facts);
  }
  return { log, view: viewRun(state) };
};

/** A golden log as its file says; UPDATE_GOLDEN=1 writes what is missing in a new one, and never changes what is there. */
const readGolden = (name: string): GoldenLog & { readonly log: readonly RunFact[]; readonly view: RunView } => {
  const golden = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as GoldenLog;
  const isNew = golden.log === undefined || golden.view === undefined;
  if (isNew && process.env['UPDATE_GOLDEN'] !== '1') throw new Error(`${name} has no log or no view yet`);
  const { log = [], view, ...rest } = isNew ? { ...golden, ...play(golden) } : golden;
  const whole = { ...rest, log, view: view as RunView };
  if (isNew) writeFileSync(new URL(name, folder), `${JSON.stringify(whole, undefined, 2)}\n`);
  return whole;
};

/** What is written and shown since the first logs were: an older log has none of it, and is compared without. */
const later = { step_lost: ['deadLetter'], step: ['losses'] } as const;

const without = <T extends object>(value: T, golden: object | undefined, fields: readonly string[]): T =>
  Object.fromEntries(
    Object.entries(value).filter(([key]) => !fields.includes(key) || Object.hasOwn(golden ?? {}, key)),
  ) as T;

const asWritten = (log: readonly RunFact[], golden: readonly RunFact[]): readonly RunFact[] =>
  log.map((fact, place) => (fact.type === 'step_lost' ? without(fact, golden[place], later.step_lost) : fact));

const asShown = (view: RunView, golden: RunView): RunView => ({
  ...view,
  steps: view.steps.map((step, place) => without(step, golden.steps[place], later.step)),
  ...(view.handlers === undefined
    ? {}
    : { handlers: view.handlers.map((step, place) => without(step, golden.handlers?.[place], later.step)) }),
});

describe.each(names)('the golden log %s', (name) => {
  const golden = readGolden(name);

  test('is written byte for byte by the same commands', () => {
    const written = asWritten(play(golden).log, golden.log);
    expect(written.map(encodeFact)).toEqual(golden.log.map((fact) => JSON.stringify(fact)));
  });

  test('is read as it was, from its start and from a checkpoint at any place', () => {
    const { dag, log, view } = golden;
    const fold = (): ReturnType<typeof createRunState> => createRunState('default', 'run_1', dag);
    expect(asShown(viewRun(evolveAll(fold(), log)), view)).toEqual(view);
    log.forEach((_fact, place) => {
      const before = encodeRunState(evolveAll(fold(), log.slice(0, place)));
      expect(asShown(viewRun(evolveAll(decodeRunState(before, dag), log.slice(place))), view)).toEqual(view);
    });
  });
});

/** Every type of fact; a new one does not compile before it is here, and is not covered before a log has it. */
const types: { readonly [type in RunFactType]: 1 } = {
  run_submitted: 1,
  run_admitted: 1,
  run_migrated: 1,
  step_kept: 1,
  fanout_expanded: 1,
  step_leased: 1,
  step_finished: 1,
  step_lost: 1,
  step_failed: 1,
  step_called: 1,
  step_returned: 1,
  secret_released: 1,
  run_closing: 1,
  step_skipped: 1,
  cancel_requested: 1,
  run_finished: 1,
  turn_planned: 1,
  tool_done: 1,
  agent_restarted: 1,
  message_accepted: 1,
  message_ended: 1,
  message_replied: 1,
  step_waiting: 1,
  step_answered: 1,
  step_pushed_back: 1,
};

test('every type of fact, in its version, is in a golden log', () => {
  const seen = new Set(names.flatMap((name) => readGolden(name).log.map(({ type, v }) => `${type} v${v}`)));
  expect(Object.entries(types).filter(([type, v]) => !seen.has(`${type} v${v}`))).toEqual([]);
});
