import type { RolloutRecord, TenantId } from '@skein/domain';
import { DomainError, parseWeight, partsOf, totalParts } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { changeOf } from './change-of.ts';
import { actorOf, changeCurrent, Done, verdictNow } from './change-rollout.ts';
import type { By, PatchRollout } from './rollout-requests.ts';
import type { RolloutView } from './rollout-views.ts';

const refused = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

/** Weights by label as parts of all arms; what is not named keeps what it has, and stable gets the rest. */
const partsByLabel = ({ arms }: RolloutRecord, weights: NonNullable<PatchRollout['weights']>): readonly number[] => {
  const labels = arms.map(({ label }) => label);
  for (const label of Object.keys(weights)) {
    if (!labels.includes(label))
      throw refused(`the rollout has no arm ${label}; arms: ${labels.join(', ')}`, `weights.${label}`);
  }
  const given = labels.map((label) => (Object.hasOwn(weights, label) ? weights[label] : undefined));
  if (given.every((weight) => weight !== undefined)) return partsOf(given);
  if (given[0] !== undefined)
    throw refused('the stable arm gets what the others leave, unless all are given', `weights.${labels[0]}`);
  const others = arms.slice(1).map(({ parts }, index) => {
    const weight = given[index + 1];
    return weight === undefined ? parts : parseWeight(weight);
  });
  const rest = totalParts - others.reduce((sum, parts) => sum + parts, 0);
  if (rest < 0) throw refused('weights sum to more than 1', 'weights');
  return [rest, ...others];
};

const wantedParts = (record: RolloutRecord, { weight, weights }: PatchRollout): readonly number[] | undefined => {
  if (weight !== undefined && weights !== undefined) throw refused('not together with weights', 'weight');
  if (weights !== undefined) return partsByLabel(record, weights);
  if (weight === undefined) return undefined;
  if (record.type !== 'canary') throw refused('an experiment has several weights: give weights by label', 'weight');
  const parts = parseWeight(weight);
  return [totalParts - parts, parts];
};

/** Two changes as one write: one revision, and one event that speaks of both. */
const together = (first: RolloutChange | undefined, then: RolloutChange): RolloutChange => {
  if (first === undefined) return then;
  const { revision } = first.record;
  const { explanation } = then.event;
  const both = {
    ...explanation,
    decided: `${explanation.decided} ${first.event.explanation.decided}`,
    data: { ...explanation.data, revision },
  };
  return { ...then, record: { ...then.record, revision }, event: { ...then.event, revision, explanation: both } };
};

/** Changes a rollout by hand; weights that it has already change nothing. `version_conflict` with the record as it is, when it is at another revision. See `Rollouts.patch`. */
export const patchRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  patch: PatchRollout,
  by: By,
): Promise<RolloutView> => {
  if (!Number.isSafeInteger(patch.revision) || patch.revision < 1)
    throw refused('must be the revision that was read', 'revision');
  const { rules, forced, onNoData, runPolicy } = patch;
  const changes = {
    ...(rules === undefined ? {} : { rules }),
    ...(forced === undefined ? {} : { forced }),
    ...(onNoData === undefined ? {} : { onNoData }),
    ...(runPolicy === undefined ? {} : { runPolicy }),
  };
  const hasChanges = Object.keys(changes).length > 0;
  if (!hasChanges && patch.weight === undefined && patch.weights === undefined)
    throw refused('nothing is changed', 'weight');
  const actor = actorOf(by, patch);
  return changeCurrent(engine, tenant, agentId, patch, async (record, now) => {
    const parts = wantedParts(record, patch);
    const changed = hasChanges ? changeOf(record, { type: 'change', ...changes }, actor, now) : undefined;
    if (parts === undefined) {
      if (changed === undefined) throw refused('nothing is changed', 'weight');
      return changed;
    }
    // It has these weights already: a write would begin nothing and say that something changed.
    if (record.arms.every((arm, index) => arm.parts === parts[index])) {
      if (changed === undefined) throw new Done(record);
      return changed;
    }
    const evidence = (await verdictNow(engine, record))?.summary;
    const command = { type: 'set_weight', parts, ...(evidence === undefined ? {} : { evidence }) } as const;
    return together(changed, changeOf(changed?.record ?? record, command, actor, now));
  });
};
