import type { RunStatus, RunView, StepStatus, StepView } from '@skein/domain';
import type { Colors } from '../cli/cli.ts';
import { formatDuration, formatInstant, safeText, shortDigest, shortId } from './format.ts';
import { cell, renderTable } from './render-table.ts';

/** A status in its colour. */
export const paintStatus = (colors: Colors, status: RunStatus | StepStatus): string => {
  switch (status) {
    case 'succeeded':
      return colors.green(status);
    case 'failed':
      return colors.red(status);
    case 'cancelled':
    case 'retrying':
      return colors.yellow(status);
    case 'running':
      return colors.cyan(status);
    case 'queued':
    case 'waiting':
    case 'pending':
    case 'ready':
    case 'skipped':
      return colors.dim(status);
  }
};

/** Milliseconds that a step took, or has taken until `now`. */
export const stepDurationMs = (step: StepView, now: number): number | undefined => {
  if (step.startedAt === undefined) return step.durationMs;
  const begin = Date.parse(step.startedAt);
  if (step.finishedAt === undefined) return Math.max(0, now - begin);
  return step.durationMs ?? Math.max(0, Date.parse(step.finishedAt) - begin);
};

/** `12/40 items, 1 failed` of a fan-out; empty for other steps. */
export const itemsText = (step: StepView): string => {
  if (step.items === undefined) return '';
  const { count, succeeded = 0, failed = 0, skipped = 0, cancelled = 0 } = step.items;
  const settled = succeeded + failed + skipped + cancelled;
  return `${settled}/${count} items${failed > 0 ? `, ${failed} failed` : ''}`;
};

/** The steps of a run as a table. */
export const renderSteps = (colors: Colors, steps: readonly StepView[], now: number): string =>
  renderTable(
    colors,
    ['step', 'status', 'attempt', 'worker', 'duration', ''],
    steps.map((step) => {
      const ms = stepDurationMs(step, now);
      return [
        cell(step.id),
        paintStatus(colors, step.status),
        step.attempt === 0 ? '' : String(step.attempt),
        step.workerId === undefined ? '' : shortId(step.workerId),
        ms === undefined ? '' : formatDuration(ms),
        cell(stepNote(step)),
      ];
    }),
  );

/** Why a step is where it is: its items, the run that it called, error, skip or wait. */
export const stepNote = (step: StepView): string => {
  const reason = step.error?.message ?? step.skipReason ?? (step.status === 'pending' ? undefined : step.waitReason);
  const parts = [
    itemsText(step),
    step.childRunId === undefined ? '' : `called ${step.childRunId}`,
    step.round === undefined ? '' : `round ${step.round}`,
    step.deadLetter === undefined ? '' : `given up: ${step.deadLetter}`,
    reason ?? '',
    waitText(step),
    step.unreadMessages === undefined || step.unreadMessages === 0 ? '' : `unread messages: ${step.unreadMessages}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
};

/** The question of an approval, and the instants of a wait. */
const waitText = ({ wait, status }: StepView): string => {
  if (wait === undefined || status !== 'waiting') return '';
  const until = wait.until === undefined ? '' : `until ${formatInstant(wait.until)}`;
  const deadline = wait.deadline === undefined ? '' : `at most until ${formatInstant(wait.deadline)}`;
  return [wait.prompt ?? '', until, deadline].filter((part) => part !== '').join(', ');
};

/** Longest value that is shown beside its name, in characters. */
const maxValueLength = 200;

/** A value on one line: text as it is, anything else as JSON; a long one is shortened. */
const valueText = (value: unknown): string => {
  const text = cell(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength - 1)}…` : text;
};

/** Outputs of steps, one per line: `greet.GREETING  Hello`; empty when there are none. */
const renderOutputs = (colors: Colors, steps: readonly StepView[]): readonly string[] => {
  const rows = steps.flatMap((step) =>
    Object.entries(step.outputs).map(([name, value]) => [`${cell(step.id)}.${cell(name)}`, valueText(value)]),
  );
  return rows.length === 0 ? [] : ['', renderTable(colors, ['output', 'value'], rows)];
};

/** What people call the versions of a run's agents, and the arms that it got, by agent id. */
export interface AgentNames {
  readonly [agentId: string]: { readonly alias?: string; readonly arm?: string };
}

/** One agent of a run: `writer v2 sha256:… (segments, candidate of rol_…12345678)`, and why it was not left to the weights. */
const agentText = (agentId: string, agent: RunView['agents'][string], names: AgentNames): string => {
  const { versionId, source, rolloutId, arm, because } = agent;
  const { alias, arm: label = arm === undefined ? undefined : `arm ${arm}` } = names[agentId] ?? {};
  const rollout =
    rolloutId === undefined ? '' : `, ${label === undefined ? '' : `${cell(label)} of `}${shortId(rolloutId)}`;
  const version = [alias, shortDigest(versionId)].filter((text) => text !== undefined && text !== '').map(cell);
  return `${cell(agentId)} ${version.join(' ')} (${source}${rollout}${because === undefined ? '' : `: ${because}`})`;
};

/** A run with its steps, for people. */
export const renderRun = (colors: Colors, run: RunView, now: number, names: AgentNames = {}): string => {
  const agents = Object.entries(run.agents).map(([agentId, agent]) => agentText(agentId, agent, names));
  const memory = Object.entries(run.memory ?? {}).map(([scope, revision]) => `${cell(scope)} r${revision}`);
  const params = Object.entries(run.params).map(([name, value]) => `${cell(name)}=${valueText(value)}`);
  const facts: readonly (readonly [string, string])[] = [
    ['run', run.runId],
    ['DAG', `${run.dag} ${colors.dim(shortDigest(run.dagDigest))}`],
    ['status', `${paintStatus(colors, run.status)}${run.partial ? ' (partial)' : ''}${waiting(run)}`],
    ...(params.length === 0 ? [] : [['params', params.join(' ')] as const]),
    ['created', formatInstant(run.createdAt)],
    ...(run.finishedAt === undefined ? [] : [['finished', formatInstant(run.finishedAt)] as const]),
    ...(run.retryOf === undefined ? [] : [['retry of', run.retryOf] as const]),
    ...(run.parentRunId === undefined ? [] : [['called by', run.parentRunId] as const]),
    ...(run.snapshotDigest === undefined ? [] : [['snapshot', shortDigest(run.snapshotDigest)] as const]),
    ...(agents.length === 0 ? [] : [['agents', agents.join(', ')] as const]),
    ...(memory.length === 0 ? [] : [['memory', memory.join(', ')] as const]),
    ...(run.feedback === undefined ? [] : [['feedback', feedbackText(run.feedback)] as const]),
    ...(run.error === undefined ? [] : [['error', `${safeText(run.error.message)} (${run.error.code})`] as const]),
  ];
  const lines = facts.map(([name, value]) => `${colors.dim(name.padEnd(9))} ${value}`);
  const steps = [...run.steps, ...(run.handlers ?? [])];
  return [...lines, '', renderSteps(colors, steps, now), ...renderOutputs(colors, steps)].join('\n');
};

/** The last push-back: `from ada, to write, round 1: shorter`. */
const feedbackText = ({ by, to, round, text }: NonNullable<RunView['feedback']>): string =>
  `from ${cell(by)}, to ${cell(to)}, round ${round}: ${cell(text)}`;

const waiting = (run: RunView): string => (run.waitReason === undefined ? '' : ` (${run.waitReason})`);
