import type {
  RolloutEvent,
  RolloutEventType,
  RolloutExposure,
  RolloutId,
  RolloutRecord,
  RolloutValue,
  TenantId,
  VersionId,
} from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import { agentOf, publication } from './project-fixtures.ts';
import type { StoresUnderTest } from './store-harness.ts';

/** Any record with two arms: `stable` and `candidate`, half and half. */
export const rolloutRecord = (change: Partial<RolloutRecord> = {}): RolloutRecord => ({
  tenant: 'default',
  id: 'rol_1',
  agentId: 'triage',
  type: 'canary',
  status: 'active',
  stableVersionId: 'sha256:stable',
  arms: [
    { versionId: change.stableVersionId ?? 'sha256:stable', label: 'stable', parts: 2 ** 31 },
    { versionId: 'sha256:candidate', label: 'candidate', parts: 2 ** 31 },
  ],
  segments: [
    { lo: 0, hi: 2 ** 31, arm: 0 },
    { lo: 2 ** 31, hi: 2 ** 32, arm: 1 },
  ],
  salt: 'salt',
  algo: 'sha256/v1',
  routingKeys: ['resourceId', 'threadId'],
  steps: [],
  stepIndex: 0,
  stepStartedAt: 1_000,
  stepStartUnits: 0,
  rules: [],
  scorers: [],
  alpha: 0.01,
  alphaSpent: 0.01,
  promoteAlpha: 0.05,
  runPolicy: 'drain',
  onNoData: 'pause',
  valueDeadlineMs: 600_000,
  runDeadlineMs: 3_600_000,
  onMissing: 'drop',
  horizonAt: 2_000_000,
  forced: [],
  memory: { mode: 'shared', revision: 0 },
  shadow: 0,
  revision: 1,
  epoch: 1,
  createdBy: 'ann',
  createdAt: 1_000,
  startedAt: 1_000,
  updatedAt: 1_000,
  statusReason: 'requested',
  statusActor: { actor: 'ann' },
  lastActor: { actor: 'ann' },
  epochs: [{ epoch: 1, at: 1_000, parts: [2 ** 31, 2 ** 31] }],
  ...change,
});

/** The record one revision on. */
export const nextRevision = (record: RolloutRecord, change: Partial<RolloutRecord> = {}): RolloutRecord => ({
  ...record,
  updatedAt: record.updatedAt + 1,
  ...change,
  revision: record.revision + 1,
});

/** The event of a record's revision. */
export const rolloutEvent = (record: RolloutRecord, type: RolloutEventType = 'changed'): RolloutEvent => ({
  tenant: record.tenant,
  rolloutId: record.id,
  agentId: record.agentId,
  revision: record.revision,
  type,
  at: record.updatedAt,
  by: record.lastActor,
  reason: record.statusReason,
  explanation: { code: type, decided: 'a', because: 'b', next: 'c', data: { revision: record.revision } },
});

/** The write of a record with its event. */
export const changeTo = (record: RolloutRecord, type?: RolloutEventType): RolloutChange => ({
  record,
  event: rolloutEvent(record, type),
});

/** The end of a rollout: its change one revision on. */
export const ending = (
  record: RolloutRecord,
  status: 'completed' | 'rolled_back' | 'cancelled',
  change: Partial<RolloutRecord> = {},
): RolloutChange =>
  changeTo(
    nextRevision(record, { status, completedAt: record.updatedAt + 1, ...change }),
    status === 'completed' ? 'promoted' : status,
  );

/** An exposure, told apart by its index. */
export const exposing = (index: number, change: Partial<RolloutExposure> = {}): RolloutExposure => ({
  rolloutId: 'rol_1',
  unit: index.toString(16).padStart(32, '0'),
  arm: index % 2,
  epoch: 1,
  at: 1_000 + index,
  runId: `run_${index}`,
  ...change,
});

/** A value of a unit. */
export const valueOf = (
  seq: number,
  metric: string,
  value: number | null,
  rolloutId: RolloutId = 'rol_1',
): RolloutValue => ({
  rolloutId,
  metric,
  seq,
  value,
  at: 5_000 + seq,
});

/** Publishes two versions of an agent, the first of them active. */
export const publishTwo = async (
  stores: StoresUnderTest,
  agentId = 'triage',
  tenant: TenantId = 'default',
): Promise<{ readonly stable: VersionId; readonly candidate: VersionId }> => {
  const [one, two] = [agentOf(agentId, 'one'), agentOf(agentId, 'two')];
  await stores.projects.publish(publication({ tenant, agents: [one], activate: [agentId] }));
  await stores.projects.publish(publication({ tenant, agents: [two], candidates: [agentId] }));
  return { stable: one.versionId, candidate: two.versionId };
};

/** A record between the versions of `publishTwo`. */
export const rolloutOf = (
  { stable, candidate }: { readonly stable: VersionId; readonly candidate: VersionId },
  change: Partial<RolloutRecord> = {},
): RolloutRecord =>
  rolloutRecord({
    stableVersionId: stable,
    arms: [
      { versionId: stable, label: 'stable', parts: 2 ** 31 },
      { versionId: candidate, label: 'candidate', parts: 2 ** 31 },
    ],
    ...change,
  });
