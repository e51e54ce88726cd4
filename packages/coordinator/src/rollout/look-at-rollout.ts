import type { RolloutCommand, RolloutId, RolloutRecord, TenantId, Verdict } from '@skein/domain';
import { isLive } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { settleScores } from '../scoring/settle-scores.ts';
import type { Looked } from './act-on.ts';
import { actOn } from './act-on.ts';
import { afterEnd } from './after-end.ts';
import { tendReplayGate } from './tend-replay-gate.ts';
import { weighRollout } from './weigh-rollout.ts';

/** What the verdict asks for, as a command; undefined when nothing is to be done in this status. */
export const commandOf = (record: RolloutRecord, { action, summary }: Verdict): RolloutCommand | undefined => {
  switch (action.kind) {
    case 'none':
      return undefined;
    case 'notify':
      return { type: 'breached', rule: action.rule, evidence: summary };
    case 'pause':
    case 'rollback': {
      if (action.kind === 'pause' && record.status === 'paused') return undefined;
      const { kind, reason, rule, detail } = action;
      const more = { ...(rule === undefined ? {} : { rule }), ...(detail === undefined ? {} : { detail }) };
      return { type: kind, reason, evidence: summary, ...more };
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

const lookAtLive = async (engine: Engine, record: RolloutRecord, mayAct: boolean): Promise<Looked> => {
  await settle(engine, record);
  const { stored, evidence, changed, verdict } = await weighRollout(engine, record);
  if (changed && !(await engine.deps.rollouts.saveEvidence(record.tenant, record.id, stored.version, evidence)))
    return { outcome: 'lost' };
  gaugeEvidence(engine, record, verdict);
  if (changed) engine.evaluator.moved(record);
  const command = commandOf(record, verdict);
  if (command === undefined) return { outcome: 'idle' };
  return mayAct ? actOn(engine, record, command) : { outcome: 'held' };
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
