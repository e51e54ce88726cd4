import type { StepExecutor } from '@skein/ports';

/** Runs `noop` steps: they succeed at once and do nothing. */
export const createNoopExecutor = (): StepExecutor => ({
  kinds: ['noop'],
  execute: async ({ sink }) => {
    sink.started();
    return { outcome: { status: 'succeeded' }, outputs: {} };
  },
});
