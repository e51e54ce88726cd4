import type { RunView, StepView } from '@skein/domain';
import type { Colors } from '../cli/cli.ts';
import { formatDuration } from '../render/format.ts';
import { itemsText, paintStatus, stepDurationMs, stepNote } from '../render/render-run.ts';
import { cell } from '../render/render-table.ts';

/** Lines for what changed between two looks at a run: one per step that has another status, attempt or item count. */
export const stepChanges = (
  colors: Colors,
  before: RunView | undefined,
  after: RunView,
  now: number,
): readonly string[] => {
  const earlier = new Map(before === undefined ? [] : allSteps(before).map((step) => [step.id, key(step)]));
  return allSteps(after)
    .filter((step) => (earlier.get(step.id) ?? 'pending') !== key(step) && step.status !== 'pending')
    .map((step) => stepLine(colors, step, now));
};

/** Steps and handlers. */
export const allSteps = (run: RunView): readonly StepView[] => [...run.steps, ...(run.handlers ?? [])];

/** One step on one line: `✔ triage succeeded 3/3 items 1.2 s`. */
export const stepLine = (colors: Colors, step: StepView, now: number): string => {
  const ms = stepDurationMs(step, now);
  const parts = [
    cell(step.id),
    paintStatus(colors, step.status),
    step.attempt > 1 ? `attempt ${step.attempt}` : '',
    cell(stepNote(step)),
    ms === undefined ? '' : colors.dim(formatDuration(ms)),
  ];
  return parts.filter((part) => part !== '').join('  ');
};

const key = (step: StepView): string =>
  step.status === 'pending' ? 'pending' : [step.status, step.attempt, itemsText(step)].join(' ');
