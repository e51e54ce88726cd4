import { isHandlerId } from '../dag/dag.ts';
import type { Step } from '../dag/step.ts';
import type { Digest } from '../identity/ids.ts';
import type { JsonObject, JsonValue } from '../json/json-value.ts';
import { waitReasonOf, waitViewOf } from '../wait/wait-view.ts';
import type { RunState, StepState } from './run-state.ts';
import type { StepStatus, WaitReason } from './run-status.ts';
import type { RunView, StepView } from './run-view.ts';
import type { ValueRef } from './value-ref.ts';

/** Why something waits, as the dispatcher knows it; the domain alone cannot tell. */
export interface ViewHints {
  /** Why a step or item in status `ready` holds no lease. */
  readonly readyWait?: (path: string) => WaitReason | undefined;
}

const iso = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

const shownValue = (value: ValueRef): JsonValue =>
  'inline' in value ? value.inline : { digest: value.digest, bytes: value.bytes };

const shownOutputs = (definition: Step | undefined, step: StepState): JsonObject => {
  const shown: JsonObject = {};
  const result = step.result;
  if (result === undefined) return shown;
  for (const [name, value] of Object.entries(result.outputs)) shown[name] = shownValue(value);
  if (definition?.output !== undefined && result.stdout !== undefined)
    shown[definition.output] = shownValue(result.stdout);
  return shown;
};

const itemCounts = (step: StepState): StepView['items'] => {
  if (step.fanout === undefined) return undefined;
  const counts: { [status in StepStatus]?: number } = {};
  for (const item of step.fanout.states) counts[item.status] = (counts[item.status] ?? 0) + 1;
  return { count: step.fanout.states.length, ...counts };
};

const waitReason = (step: StepState, hints: ViewHints): WaitReason | undefined => {
  switch (step.status) {
    case 'pending':
      return 'dependencies_open';
    case 'retrying':
      return 'backing_off';
    case 'ready':
      return hints.readyWait?.(step.path);
    case 'waiting':
      return waitReasonOf(step);
    case 'running':
    case 'succeeded':
    case 'failed':
    case 'skipped':
    case 'cancelled':
      return undefined;
  }
};

/** One step, or one item, as people and programs see it. */
export const viewStep = (definition: Step | undefined, step: StepState, hints: ViewHints = {}): StepView => {
  const startedAt = iso(step.lease?.startedAt ?? step.startedAt);
  const finishedAt = iso(step.finishedAt);
  const items = itemCounts(step);
  const wait = waitReason(step, hints);
  const waits = waitViewOf(step);
  const { result, error, workerId, skipReason, childRunId, round, deadLetter, progress, mailbox } = step;
  const losses = { execution: step.losses + (step.sharedLosses ?? 0), transport: step.unstartedLosses };
  return {
    id: step.path,
    status: step.status,
    attempt: step.attempt,
    ...(workerId === undefined ? {} : { workerId }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(result === undefined ? {} : { durationMs: result.durationMs }),
    ...(result?.exitCode === undefined ? {} : { exitCode: result.exitCode }),
    outputs: shownOutputs(definition, step),
    ...(error === undefined ? {} : { error }),
    ...(result?.usage === undefined ? {} : { usage: result.usage }),
    ...(skipReason === undefined ? {} : { skipReason }),
    ...(wait === undefined ? {} : { waitReason: wait }),
    ...(childRunId === undefined ? {} : { childRunId }),
    ...(round === undefined ? {} : { round }),
    ...(waits === undefined ? {} : { wait: waits }),
    ...(step.answer === undefined ? {} : { answer: { ...step.answer, at: new Date(step.answer.at).toISOString() } }),
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(losses.execution + losses.transport === 0 ? {} : { losses }),
    ...((progress?.turns ?? 0) === 0
      ? {}
      : { progress: { turns: progress?.turns ?? 0, toolCalls: progress?.toolCalls ?? 0 } }),
    ...((mailbox?.unread ?? 0) === 0 ? {} : { unreadMessages: mailbox?.unread ?? 0 }),
    ...(items === undefined ? {} : { items }),
  };
};

/** Every DAG of the tree under its name; of two with one name, the one that this run calls itself. */
const dagsOf = ({ calls, dag, dagDigest }: RunState): { readonly [name: string]: Digest } | undefined => {
  if (calls === undefined || Object.keys(calls).length === 0) return undefined;
  const dags = new Map<string, Digest>([[dag.name, dagDigest]]);
  for (const targets of [calls[dagDigest] ?? {}, ...Object.values(calls)]) {
    for (const [name, digest] of Object.entries(targets)) if (!dags.has(name)) dags.set(name, digest);
  }
  return Object.fromEntries(dags);
};

/** What each agent uses now: after a migration the new version, whatever steps go on with. */
const shownAgents = ({ agents }: RunState): RunView['agents'] => {
  const shown: { [agentId: string]: RunView['agents'][string] } = {};
  for (const [agentId, decision] of Object.entries(agents)) {
    const { versionId, source, rolloutId, revision, arm, position, because } = decision;
    shown[agentId] = {
      versionId,
      source,
      ...(rolloutId === undefined ? {} : { rolloutId }),
      ...(revision === undefined ? {} : { revision }),
      ...(arm === undefined ? {} : { arm }),
      ...(position === undefined ? {} : { position }),
      ...(because === undefined ? {} : { because }),
    };
  }
  return shown;
};

/** The machine-readable run. Items of fan-outs are counted here and read page by page. */
export const viewRun = (state: RunState, hints: ViewHints = {}): RunView => {
  const startedAt = iso(state.startedAt);
  const finishedAt = iso(state.finishedAt);
  const views = [...state.steps].map(([id, step]) => viewStep(state.graph.byId.get(id), step, hints));
  const handlers = views.filter(({ id }) => isHandlerId(id));
  const dags = dagsOf(state);
  const { source, memory } = state;
  return {
    runId: state.runId,
    dag: state.dag.name,
    dagDigest: state.dagDigest,
    status: state.status,
    params: state.params,
    routingContext: state.routingContext,
    ...(source.kind === 'retry' ? { retryOf: source.retryOf } : {}),
    ...(source.kind === 'call' ? { parentRunId: source.parentRunId, rootRunId: source.rootRunId } : {}),
    ...(source.kind === 'evaluation' ? { parentRunId: source.ofRunId, rootRunId: source.rootRunId } : {}),
    createdAt: new Date(state.createdAt).toISOString(),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(state.snapshotDigest === undefined ? {} : { snapshotDigest: state.snapshotDigest }),
    agents: shownAgents(state),
    steps: views.filter(({ id }) => !isHandlerId(id)),
    ...(handlers.length === 0 ? {} : { handlers: handlers.filter(({ status }) => status !== 'pending') }),
    ...(state.feedback === undefined ? {} : { feedback: state.feedback }),
    ...(memory === undefined ? {} : { memory }),
    ...(dags === undefined ? {} : { dags }),
    partial: state.partial,
    ...(state.error === undefined ? {} : { error: state.error }),
    ...(state.status === 'queued' ? { waitReason: 'not_admitted' as const } : {}),
  };
};
