import type { StepPath } from '../identity/ids.ts';
import { ok } from '../result/result.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, nothing } from './decision.ts';
import type { AgentDecision, RunFact } from './run-fact.ts';
import type { Migration, RunState, StepState } from './run-state.ts';
import { isSettledStep, isTerminalRun } from './run-status.ts';

/*
 * A rollback with the run policy `migrate`.
 *  M1 what began keeps the versions and the snapshot that it began with, however often it is tried again: its durable points, its memory and
 *     its tools are those of one version
 *  M2 what has not begun, and a later round of what had, uses the new ones
 *  M3 once per run and rollout: a repetition changes nothing
 */

/** Items of one fan-out that are named one by one; above, the fan-out's name stands for all of its items. */
const maxNamedItems = 256;

/** True for a step or item that ran, runs, or may run: a lease that is out may have been offered. */
const hasBegun = (target: StepState): boolean =>
  !isSettledStep(target.status) &&
  (target.lease !== undefined || target.attemptStarted || (target.progress?.seqs.length ?? 0) > 0);

/** The agent steps, items and handlers that keep what they began with. */
const begunSteps = (state: RunState): readonly StepPath[] => {
  const begun: StepPath[] = [];
  for (const step of state.steps.values()) {
    if (isSettledStep(step.status)) continue;
    if (state.graph.byId.get(step.path)?.action.kind !== 'agent') continue;
    if (step.fanout === undefined) {
      if (hasBegun(step)) begun.push(step.path);
      continue;
    }
    const items = step.fanout.states.filter(hasBegun).map(({ path }) => path);
    if (items.length > maxNamedItems) begun.push(step.path);
    else begun.push(...items);
  }
  return begun;
};

/** See `run_migrated`. */
export const decideMigrate = (state: RunState, command: CommandOf<'migrate'>, now: number): Decision => {
  if (state.seq === 0) return illegal(state, 'the run was not submitted');
  // One that waits for its admission is decided then.
  if (isTerminalRun(state.status) || state.startedAt === undefined) return nothing;
  const { rolloutId, agentId, agents, snapshotDigest, memory } = command;
  if (state.migrations?.some((one) => one.rolloutId === rolloutId) === true) return nothing;
  const isOther = ([id, { versionId }]: [string, AgentDecision]): boolean =>
    id !== agentId && state.agents[id]?.versionId !== versionId;
  // Another rollout moved it meanwhile: the snapshot is not the one that would be right now.
  if (Object.entries(agents).some(isOther)) return illegal(state, 'the versions of the run changed meanwhile');
  return ok([
    {
      type: 'run_migrated',
      v: 1,
      at: now,
      rolloutId,
      agentId,
      agents,
      snapshotDigest,
      ...(memory === undefined ? {} : { memory }),
      begun: begunSteps(state),
    },
  ]);
};

const stepOf = (path: StepPath): string => (path.endsWith(']') ? path.slice(0, path.lastIndexOf('[')) : path);

const roundOf = (state: RunState, path: StepPath): number => state.steps.get(stepOf(path))?.round ?? 0;

/** Applies `run_migrated`. */
export const evolveMigrated = (state: RunState, fact: Extract<RunFact, { readonly type: 'run_migrated' }>): void => {
  const { rolloutId, begun } = fact;
  const migration: Migration = {
    rolloutId,
    before: {
      agents: state.agents,
      ...(state.snapshotDigest === undefined ? {} : { snapshotDigest: state.snapshotDigest }),
      ...(state.memory === undefined ? {} : { memory: state.memory }),
    },
    begun: Object.fromEntries(begun.map((path) => [path, roundOf(state, path)])),
  };
  state.migrations = [...(state.migrations ?? []), migration];
  state.agents = fact.agents;
  state.snapshotDigest = fact.snapshotDigest;
  if (fact.memory === undefined) delete state.memory;
  else state.memory = fact.memory;
};

/** The first migration that found the step begun: whatever came later, it keeps what it had then (M1). */
const keptBy = (state: RunState, path: StepPath): Migration | undefined => {
  const { migrations } = state;
  if (migrations === undefined) return undefined;
  const step = stepOf(path);
  const round = roundOf(state, path);
  return migrations.find(({ begun }) => begun[path] === round || (step !== path && begun[step] === round));
};

/** The versions and the snapshot with which a step, item or handler works: those of the run, or what it began with before a migration. */
export const versionsOfStep = (
  state: RunState,
  path: StepPath,
): Pick<RunState, 'agents'> & { readonly snapshotDigest?: RunState['snapshotDigest'] } =>
  keptBy(state, path)?.before ?? state;

/** Snapshots that a run needs beside the one that its head names: those of begun steps that have not settled. Sorted, each once. */
export const heldSnapshots = (state: RunState): readonly string[] => {
  if (state.migrations === undefined || isTerminalRun(state.status)) return [];
  const held = new Set<string>();
  for (const { before, begun } of state.migrations) {
    const digest = before.snapshotDigest;
    if (digest === undefined || digest === state.snapshotDigest || held.has(digest)) continue;
    const open = Object.entries(begun).some(([path, round]) => round === roundOf(state, path) && isOpen(state, path));
    if (open) held.add(digest);
  }
  return [...held].toSorted();
};

const isOpen = (state: RunState, path: StepPath): boolean => {
  const step = state.steps.get(stepOf(path));
  if (step === undefined || isSettledStep(step.status)) return false;
  if (step.path === path) return true;
  const index = Number(path.slice(path.lastIndexOf('[') + 1, -1));
  const item = step.fanout?.states[index];
  return item !== undefined && !isSettledStep(item.status);
};
