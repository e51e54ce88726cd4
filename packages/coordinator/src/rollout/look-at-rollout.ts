import type { RolloutCommand, RolloutId, RolloutRecord, TenantId, Verdict } from '@skein/domain';
import { isLive } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { settleScores } from '../scoring/settle-scores.ts';
import { afterEnd } from './after-end.ts';
import { changeOf } from './change-of.ts';
import { commitChange, evaluatorName } from './commit-change.ts';
import { tendReplayGate } from './tend-replay-gate.ts';
import { weighRollout } from './weigh-rollout.ts';

/**
 * How a look ended. `lost`: somebody else wrote meanwhile, to be looked at again. `held`: there is something to do, and it is too early to try
 * again. `failed`: it could not be written.
 */
export type Looked =
  | { readonly outcome: 'idle' | 'acted' | 'lost' | 'held' }
  | { readonly outcome: 'failed'; readonly action: string; readonly error: unknown };

/** What the verdict asks for, as a command; undefined when nothing is to be done in this status. */
export const commandOf = (record: RolloutRecord, { action, summary }: Verdict): RolloutCommand | undefined => {
  switch (action.kind) {
    case 'none':
      return undefined;
    case 'notify': {
      // Said once for each rule: the record keeps what was breached when it last changed.
      const isSaid = record.evidence?.tests.some(({ rule, breached }) => rule === action.rule && breached) === true;
      return isSaid ? undefined : { type: 'breached', rule: action.rule, evidence: summary };
    }
    case 'pause':
    case 'rollback': {
      if (action.kind === 'pause' && record.status === 'paused') return undefined;
      const { kind, reason, rule } = action;
      return { type: kind, reason, evidence: summary, ...(rule === undefined ? {} : { rule }) };
    }
    case 'advance':
    case 'complete':
      return record.status === 'active' ? { type: action.kind, evidence: summary } : undefined;
  }
};

/** Shows how near the tests are to their thresholds: 1 is a breach. */
const gaugeEvidence = (engine: Engine, record: RolloutRecord, { summary }: Verdict): void => {
  const nearest = summary.tests.reduce((most, { eMax, threshold }) => Math.max(most, eMax / threshold), 0);
  engine.deps.meter.gauge(metric.rolloutEValue, nearest, { agent: record.agentId });
};

/** Scores that cannot be settled now hold up nothing: what is there already is judged. */
const settle = async (engine: Engine, record: RolloutRecord): Promise<void> => {
  try {
    await settleScores(engine, record);
  } catch (thrown) {
    engine.deps.log.warn('values of a rollout could not be settled', {
      tenant: record.tenant,
      rolloutId: record.id,
      error: thrown,
    });
  }
};

/** Writes what the evidence asks for. Evidence is kept whatever becomes of the action. */
const act = async (engine: Engine, record: RolloutRecord, command: RolloutCommand): Promise<Looked> => {
  const { meter, clock } = engine.deps;
  try {
    const change = changeOf(record, command, { actor: evaluatorName }, clock.now());
    const outcome = await commitChange(engine, change);
    meter.count(metric.rolloutActions, 1, { action: command.type, outcome: outcome.status });
    if (outcome.status === 'updated') return { outcome: 'acted' };
    // First wins; the others re-read and stop.
    if (outcome.status === 'conflict') return { outcome: 'lost' };
    return { outcome: 'failed', action: command.type, error: 'the active version is not the stable one' };
  } catch (error) {
    meter.count(metric.rolloutActions, 1, { action: command.type, outcome: 'failed' });
    return { outcome: 'failed', action: command.type, error };
  }
};

const lookAtLive = async (engine: Engine, record: RolloutRecord, mayAct: boolean): Promise<Looked> => {
  await settle(engine, record);
  const { stored, evidence, changed, verdict } = await weighRollout(engine, record);
  if (changed && !(await engine.deps.rollouts.saveEvidence(record.tenant, record.id, stored.version, evidence)))
    return { outcome: 'lost' };
  gaugeEvidence(engine, record, verdict);
  if (changed) engine.evaluator.moved(record);
  const command = commandOf(record, verdict);
  if (command === undefined) return { outcome: 'idle' };
  return mayAct ? act(engine, record, command) : { outcome: 'held' };
};

/**
 * One look at one rollout: settle what was measured, move the evidence on and keep it, judge, act by compare-and-set; for one that has ended, what
 * its end leaves to do. May die on any line: the next look, of whomever, finds the same rows and does the same. Throws `unavailable`.
 */
export const lookAtRollout = async (
  engine: Engine,
  tenant: TenantId,
  id: RolloutId,
  mayAct: boolean,
): Promise<Looked> => {
  const record = await engine.deps.rollouts.find(tenant, id);
  if (record === undefined) return { outcome: 'idle' };
  if (isLive(record.status)) return lookAtLive(engine, record, mayAct);
  if (record.status === 'draft') return tendReplayGate(engine, record);
  return afterEnd(engine, record);
};
