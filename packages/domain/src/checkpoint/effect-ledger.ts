import type { RunId } from '../identity/ids.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { EffectView } from './effect-view.ts';

/** The effect ledger of a run, in order of planning. `facts` is its log. */
export const effectsOf = (_runId: RunId, _facts: readonly RunFact[]): readonly EffectView[] => [];
