import type { RolloutRule } from '../rollout-record.ts';

/** What a test measures: rules with the same print share a stream, whatever their weight or action is; another print begins a new test. */
export const testPrint = ({ metric, direction, kind, margin, threshold, scale, promoteMargin }: RolloutRule): string =>
  JSON.stringify([metric, direction, kind, margin, threshold ?? null, scale, promoteMargin ?? null]);
