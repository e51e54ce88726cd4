import { z } from '@hono/zod-openapi';
import { rolloutId, version } from './values.ts';

/** A weight: a fraction 0 … 1, as a number or as a decimal string, which keeps digits that a number may lose. */
export const weight = z
  .union([
    z.number().min(0).max(1),
    z.string().regex(/^(?:0(?:\.\d{1,20})?|1(?:\.0{1,20})?)$/, 'must be a fraction from 0 to 1, like "0.001"'),
  ])
  .openapi('Weight', { description: 'A fraction from 0 to 1: a number, or a decimal string.' });

/** Longest times that a rollout may wait for something, in ms: a year. */
const duration = z.number().int().min(0).max(31_536_000_000);
const reason = z.string().max(1_000);
const percent = z.number().int().min(0).max(100);
const share = z.number().min(0).max(1);
/** Id of a scorer, a rule or an arm. */
const id = z.string().min(1).max(128);
/** Number of a rollout's state. */
export const revision = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

const rule = z
  .strictObject({
    id: id.optional(),
    metric: z.string().min(1).max(160).optional(),
    kind: z.enum(['regression', 'floor']).optional(),
    direction: z.enum(['higher_is_better', 'lower_is_better']).optional(),
    margin: z.number().optional(),
    threshold: z.number().optional(),
    scale: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('unit') }),
        z.strictObject({ kind: z.literal('cap'), cap: z.number() }),
        z.strictObject({ kind: z.literal('rank') }),
      ])
      .optional(),
    weight: z.number().optional().openapi({ description: 'Share of alpha, relative to the other rules.' }),
    action: z.enum(['rollback', 'pause', 'notify']).optional(),
    minUnits: z.number().int().min(1).max(1_000_000).optional(),
    promoteMargin: z.union([z.number(), z.literal(false)]).optional(),
    scorerId: id.optional().openapi({
      description:
        'Compatible form of a rule: { scorerId, threshold, windowSize, action } is a floor under score:SCORER.',
    }),
    windowSize: z.number().int().min(1).max(1_000_000).optional(),
  })
  .openapi('RolloutRule');

const sample = share.optional().openapi({ description: 'Share of units that are judged.' });
const scorer = z
  .discriminatedUnion('kind', [
    z.strictObject({ id, kind: z.literal('expression'), expression: z.string().min(1).max(4_096), sample }),
    z.strictObject({
      id,
      kind: z.literal('agent'),
      agent: z.string().min(1).max(128),
      rubric: z.string().min(1).max(16_384),
      sample,
    }),
    z.strictObject({ id, kind: z.literal('posted'), sample }),
  ])
  .openapi('RolloutScorer');

const step = z
  .strictObject({
    weight,
    minUnits: z.number().int().min(0).max(1_000_000_000).optional(),
    minDurationMs: duration.optional(),
    gate: z.enum(['auto', 'approval']).optional(),
    maxHarm: z.number().optional(),
  })
  .openapi('RolloutStep');

const forced = z
  .array(
    z.strictObject({
      unit: z.string().min(1).max(16_384),
      arm: id.openapi({ description: 'Label of an arm.' }),
      until: z.iso.datetime({ offset: true }).optional(),
    }),
  )
  .max(1_000);

const replayFields = {
  runs: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('failed') }),
    z.strictObject({ kind: z.literal('low_score'), below: z.number() }),
    z.strictObject({ kind: z.literal('sample') }),
  ]),
  limit: z.number().int().min(1).max(500).optional(),
  mode: z.enum(['strict', 'live']).optional(),
  margin: z.number().optional(),
  minPairs: z.number().int().min(1).max(500).optional().openapi({
    description:
      'Pairs that must have been compared before means alone may pass it; default 5. Proof (E >= 20) needs no number.',
  }),
  scorers: z.array(scorer).max(32).optional(),
};

/** Body of `POST …/replays`. */
export const replayBody = z.strictObject({ candidate: version, ...replayFields }).openapi('StartReplay');

const onNoData = z.enum(['pause', 'ignore', 'rollback']).optional();
const runPolicy = z.enum(['drain', 'migrate', 'abort']).optional();

/** Body of `POST …/rollout`. */
export const startRolloutBody = z
  .strictObject({
    type: z.enum(['canary', 'ab_test']).optional().openapi({
      description: 'Without it: `ab_test` when there are `arms` or `allocations`, else `canary`.',
    }),
    candidateVersionId: version
      .optional()
      .openapi({ description: 'Version of the candidate: id, alias, or the first 6 or more digits of the id.' }),
    weight: weight.optional(),
    candidateWeight: z
      .number()
      .int()
      .min(1)
      .max(99)
      .optional()
      .openapi({ description: 'Compatible form of `weight`: a whole percent.' }),
    arms: z
      .array(z.strictObject({ versionId: version, weight, label: id.optional() }))
      .max(64)
      .optional(),
    allocations: z
      .array(z.strictObject({ versionId: version, weight: percent, label: id.optional() }))
      .max(64)
      .optional()
      .openapi({
        description: 'Compatible form of `arms`: weights are whole percents that add up to 100.',
      }),
    steps: z.array(step).max(64).optional(),
    rules: z.array(rule).max(64).optional(),
    scorers: z.array(scorer).max(32).optional(),
    routingKeys: z.array(z.string().min(1).max(256)).min(1).max(16).optional(),
    routingKey: z.string().min(1).max(256).optional().openapi({ description: 'Compatible form of `routingKeys`.' }),
    eligibility: z.string().min(1).max(4_096).optional().openapi({ description: 'CEL over `context`.' }),
    alpha: z.number().optional(),
    promoteAlpha: z.number().optional(),
    runPolicy,
    onNoData,
    onMissing: z.enum(['drop', 'zero']).optional(),
    valueDeadlineMs: duration.optional(),
    runDeadlineMs: duration.optional(),
    horizonMs: duration.optional(),
    forced: forced.optional(),
    memory: z.enum(['frozen', 'forked', 'shared']).optional(),
    reuseSalt: rolloutId.optional(),
    shadow: weight.optional(),
    replay: z.strictObject(replayFields).optional(),
    draft: z.boolean().optional(),
    reason: reason.optional(),
    force: z.boolean().optional(),
  })
  .openapi('StartRollout');

/** Body of `PATCH …/rollout`. */
export const patchRolloutBody = z
  .strictObject({
    revision: revision.optional(),
    weight: weight.optional(),
    candidateWeight: z
      .number()
      .int()
      .min(1)
      .max(99)
      .optional()
      .openapi({ description: 'Compatible form of `weight`: a whole percent.' }),
    weights: z.record(z.string().min(1).max(128), weight).optional().openapi({ description: 'By label of the arm.' }),
    rules: z.array(rule).max(64).optional(),
    forced: forced.optional(),
    onNoData,
    runPolicy,
    reason: reason.optional(),
    force: z
      .boolean()
      .optional()
      .openapi({ description: 'Overrides the limit of `alphaSpent` on changes of rules; needs a reason.' }),
  })
  .openapi('PatchRollout');

/** Body of `POST …/rollout/{pause,resume,approve}`. */
export const changeBody = z
  .strictObject({ revision: revision.optional(), reason: reason.optional() })
  .optional()
  .openapi('ChangeRollout');

/** Body of `POST …/rollout/promote`. */
export const promoteBody = z
  .strictObject({
    revision: revision.optional(),
    versionId: version.optional().openapi({ description: 'The winner; an experiment needs one.' }),
    reason: reason.optional(),
    force: z.boolean().optional(),
  })
  .optional()
  .openapi('PromoteRollout');

/** Body of `POST …/rollout/rollback` and of `DELETE …/rollout`: `rolloutId` names one, a draft beside a live one among them. */
export const changeOneBody = z
  .strictObject({ revision: revision.optional(), rolloutId: rolloutId.optional(), reason: reason.optional() })
  .optional()
  .openapi('ChangeOneRollout');

/** Body of `POST …/rollout/activate`. */
export const activateBody = z
  .strictObject({
    revision: revision.optional(),
    rolloutId: rolloutId.optional(),
    reason: reason.optional(),
    force: z.boolean().optional().openapi({ description: 'Also when its replay has not passed; needs a reason.' }),
  })
  .optional()
  .openapi('ActivateRollout');

/** Body of `PUT …/freeze`. */
export const freezeBody = z.strictObject({ reason: z.string().min(1).max(1_000) }).openapi('FreezeAgent');

/** Body of `POST /api/runs/:runId/scores`. */
export const scoreBody = z
  .strictObject({
    scorer: id,
    value: z.number(),
    agentId: z.string().min(1).max(128).optional().openapi({ description: 'Needed when the run used several agents.' }),
    step: z.string().min(1).max(256).optional(),
    reason: reason.optional(),
  })
  .openapi('PostScore');

/** A rule as it was sent. */
export type RuleBody = z.infer<typeof rule>;

/** A rollout to be started as it was sent. */
export type StartRolloutBody = z.infer<typeof startRolloutBody>;

/** A change of a rollout as it was sent. */
export type PatchRolloutBody = z.infer<typeof patchRolloutBody>;
