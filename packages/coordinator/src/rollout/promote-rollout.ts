import type { RolloutRecord, TenantId, Verdict } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { findAgentVersion } from '../project/agent-versions.ts';
import { changeOf } from './change-of.ts';
import type { ChangeOptions } from './change-rollout.ts';
import { actorOf, changeCurrent, verdictNow } from './change-rollout.ts';
import { checkBuildable } from './check-buildable.ts';
import { requireAgent } from './find-rollout.ts';
import type { By } from './rollout-requests.ts';
import type { RolloutView } from './rollout-views.ts';

const refused = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

/** The arm that won: of an experiment the one that is named, never one by default. */
const winnerOf = async (engine: Engine, record: RolloutRecord, versionId: string | undefined): Promise<number> => {
  if (versionId === undefined) {
    if (record.type === 'canary') return 1;
    throw refused('an experiment is promoted to the winner that is named', 'versionId');
  }
  const byLabel = record.arms.findIndex(({ label }) => label === versionId);
  if (byLabel !== -1) return byLabel;
  const found = await findAgentVersion(engine, record.tenant, record.agentId, versionId);
  const arm = record.arms.findIndex((one) => one.versionId === found.versionId);
  if (arm === -1) {
    const arms = record.arms.map(({ label }) => label).join(', ');
    throw refused(`the version ${found.alias} is no part of the rollout; arms: ${arms}`, 'versionId');
  }
  if (arm === 0 && record.type === 'canary')
    throw refused('the stable version is active already: roll back or cancel instead', 'versionId');
  return arm;
};

/** What says that the numbers cannot be trusted. */
const distrusts: ReadonlySet<string> = new Set(['srm', 'scorer', 'no_data']);

const silences: ReadonlySet<string> = new Set(['scorer_outage', 'no_data']);

const distrustOf = (record: RolloutRecord, verdict: Verdict | undefined): string | undefined => {
  if (verdict === undefined) return 'the evidence cannot be weighed';
  if (verdict.summary.srm.alarm) return 'the sample ratio alarm is raised: units are missing on one side';
  // A pause keeps its reason until somebody resumes.
  if (record.status === 'paused' && silences.has(record.statusReason)) return 'it is paused because values do not come';
  return verdict.waitingFor.find(({ code }) => distrusts.has(code))?.message;
};

/** Ends a rollout with a winner, in one transaction with the agent's active version. See `Rollouts.promote`. */
export const promoteRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: ChangeOptions & { readonly revision: number; readonly versionId?: string },
  by: By,
): Promise<RolloutView> => {
  const { revision, versionId, force } = options;
  if (!Number.isSafeInteger(revision) || revision < 1) throw refused('must be the revision that was read', 'revision');
  const actor = actorOf(by, options);
  await requireAgent(engine, tenant, agentId);
  return changeCurrent(engine, tenant, agentId, options, async (record, now) => {
    const arm = await winnerOf(engine, record, versionId);
    const verdict = await verdictNow(engine, record);
    const distrust = distrustOf(record, verdict);
    if (distrust !== undefined && force !== true && arm !== 0)
      throw new DomainError('illegal_transition', `not promoted, unless forced with a reason: ${distrust}`, {
        reason: 'evidence_not_trusted',
        because: distrust,
      });
    const [stable, winner] = [record.arms[0], record.arms[arm]];
    // Nobody could run what is active then.
    if (force !== true && arm !== 0 && stable !== undefined && winner !== undefined)
      await checkBuildable(engine, { ...record, arms: [stable, winner] });
    const evidence = verdict?.summary;
    return changeOf(record, { type: 'promote', arm, ...(evidence === undefined ? {} : { evidence }) }, actor, now);
  });
};
