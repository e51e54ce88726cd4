import type { RunState } from './run-state.ts';

/**
 * The value of `${run.FIELD}`. `status` and `error`, which only handlers may name, say how the run will end: `running` and the empty
 * text before that is known.
 */
export const runFieldValue = (state: RunState, field: string): string | undefined => {
  switch (field) {
    case 'id':
      return state.runId;
    case 'status':
      return state.closing?.status ?? state.status;
    case 'error':
      return (state.closing?.error ?? state.error)?.message ?? '';
    default:
      return undefined;
  }
};
