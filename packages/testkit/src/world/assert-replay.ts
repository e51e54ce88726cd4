import type { JsonValue, RunState } from '@skein/domain';
import {
  canonicalJson,
  createRunState,
  decodeRunState,
  encodeRunState,
  evolve,
  planRun,
  planRunFully,
  viewRun,
} from '@skein/domain';
import type { History, Report, RunHistory } from './history.ts';
import { judge } from './history.ts';

const samePlan = (state: RunState, now: number): boolean =>
  JSON.stringify(planRun(state, now)) === JSON.stringify(planRunFully(state, now));

/** Folds a log; a state checkpoint at any place changes nothing. Undefined without the DAG. */
export const foldHistory = ({ runId, facts, dag }: RunHistory, report: Report): RunState | undefined => {
  if (dag === undefined) return undefined;
  let state = createRunState('default', runId, dag);
  facts.forEach((fact, index) => {
    evolve(state, fact);
    if (index % 3 === 0 && !samePlan(state, fact.at))
      report(`run ${runId}: the two planners differ after fact ${index + 1}`);
    if (index % 5 === 4) state = decodeRunState(encodeRunState(state), dag);
  });
  return state;
};

const textOf = (value: unknown): string => canonicalJson((value ?? null) as JsonValue);

/**
 * The facts alone give what is shown: status and length as the list of runs says, and the view of a coordinator, where one is given (of
 * runs whose params stayed in the log). Throws, or tells `report`.
 */
export const assertEventsReplayToState = (history: Pick<History, 'runs'>, report?: Report): void =>
  judge('the log is not the state', report, (say) => {
    for (const run of history.runs) {
      const state = foldHistory(run, say);
      if (state === undefined) continue;
      const { head, view, runId } = run;
      if (head !== undefined && (head.seq !== state.seq || head.status !== state.status))
        say(`run ${runId}: the list says ${head.status} at ${head.seq}, the log ${state.status} at ${state.seq}`);
      if (view !== undefined && state.paramsRef === undefined && textOf(view) !== textOf(viewRun(state)))
        say(`run ${runId}: a coordinator shows another state than the log`);
    }
  });
