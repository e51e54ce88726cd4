import { createHash } from 'node:crypto';
import type {
  EvidenceSummary,
  NewRollout,
  RolloutActor,
  RolloutCommand,
  RolloutRecord,
  TestSummary,
} from '../src/index.ts';
import { decideRollout, newRollout } from '../src/index.ts';

/** SHA-256 of node. */
export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** A person. */
export const ada: RolloutActor = { actor: 'ada' };

/** The coordinator itself. */
export const evaluator: RolloutActor = { actor: 'evaluator' };

/** Start of all samples, ms. */
export const start = Date.parse('2026-11-01T00:00:00Z');

const base = {
  tenant: 'default',
  id: 'rol_1',
  agentId: 'triage',
  stableVersionId: 'sha256:aa',
  salt: 'salt-1',
  by: ada,
  at: start,
  memoryRevision: 3,
} as const;

/** A canary as it is asked for. */
export const canary = (input: Partial<NewRollout> = {}): NewRollout => ({
  ...base,
  type: 'canary',
  candidateVersionId: 'sha256:bb',
  ...input,
});

/** An experiment with the stable version and as many others as weights are given for. */
export const experiment = (weights: readonly (number | string)[], input: Partial<NewRollout> = {}): NewRollout => {
  const rest = weights.reduce<number>((sum, weight) => sum - Number(weight), 1);
  const others = weights.map((weight, index) => ({ versionId: `sha256:${index + 1}`, weight }));
  return { ...base, type: 'ab_test', arms: [{ versionId: 'sha256:aa', weight: rest }, ...others], ...input };
};

/** The record of a request. */
export const startOf = (input: NewRollout): RolloutRecord => newRollout(input).record;

/** The record after commands, one second apart. */
export const after = (record: RolloutRecord, ...commands: readonly RolloutCommand[]): RolloutRecord =>
  commands.reduce((now, command) => decideRollout(now, command, ada, now.updatedAt + 1_000).record, record);

/** Evidence with so many units per arm. */
export const evidenceOf = (units: readonly number[], tests: readonly TestSummary[] = []): EvidenceSummary => ({
  at: start + 60_000,
  units,
  tests,
  srm: { lnB: 1.25, threshold: Math.log(1_000), alarm: false },
  unrouted: 2,
  alpha: 0.01,
});

/** A test of `error` that breached. */
export const breachedTest = (test: Partial<TestSummary> = {}): TestSummary => ({
  rule: 'error',
  metric: 'error',
  arm: 1,
  blocks: 27,
  candidateValues: 27,
  stableValues: 540,
  candidateMean: 0.6154,
  stableMean: 0.98,
  eValue: 132.4567,
  eMax: 132.4567,
  threshold: 115,
  breached: true,
  harmUpper: 0.7,
  missing: 0,
  ...test,
});

/** The problems of a refused request, `field code`, in order; fails when it is not refused. */
export const problemsOf = (act: () => unknown): { readonly code: string; readonly fields: readonly string[] } => {
  try {
    act();
  } catch (thrown) {
    const { code, details } = thrown as { code: string; details?: { problems?: readonly { field?: string }[] } };
    return { code, fields: (details?.problems ?? []).map(({ field }) => field ?? '') };
  }
  throw new Error('it was not refused');
};
