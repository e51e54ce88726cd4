import { isDomainError } from '@skein/domain';
import type { Journal } from '../attempt/journal.ts';
import type { Budget } from '../turn/budget.ts';
import { type ReplayPlaces, replayCall } from './replay-calls.ts';

/** Counts a recorded conversation that will not go on, and brings back what its calls left in memory. */
export const replayConversation = (places: ReplayPlaces, journal: Journal, budget: Budget): void => {
  for (let number = 1; ; number += 1) {
    const recorded = journal.recorded(number);
    if (recorded === undefined) return;
    const { turn, results, classes, isRepair } = recorded;
    // A limit that it met then is part of its recorded answer.
    unlessLimited(() => budget.afterTurn(turn, true));
    unlessLimited(() => budget.beforeToolCalls(classes.size));
    if (isRepair) budget.repaired();
    budget.toolsFailed([...results.values()].filter(({ isError }) => isError).length);
    for (const [index, call] of turn.toolCalls.entries()) {
      const result = results.get(index);
      const kind = classes.get(index);
      if (result !== undefined && kind !== undefined)
        replayCall(places, number, { ...call, index, class: kind }, result);
    }
  }
};

const unlessLimited = (count: () => void): void => {
  try {
    count();
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
  }
};
