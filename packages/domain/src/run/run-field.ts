import type { RunState } from './run-state.ts';

/**
 * The value of `${run.FIELD}`. `status` and `error`, which only handlers may name, say how the run will end: `running` and the empty
 * text before that is known. `feedback` and `round` tell of the last push-back: the empty text and 0 before the first.
 */
export const runFieldValue = (state: RunState, field: string): string | number | undefined => {
  switch (field) {
    case 'id':
      return state.runId;
    case 'status':
      return state.closing?.status ?? state.status;
    case 'error':
      return (state.closing?.error ?? state.error)?.message ?? '';
    case 'feedback':
      return state.feedback?.text ?? '';
    case 'round':
      return state.feedback?.round ?? 0;
    default:
      return undefined;
  }
};
