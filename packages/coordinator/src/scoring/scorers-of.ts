import type {
  AgentDecision,
  DeclaredScorer,
  RolloutId,
  RolloutRecord,
  RolloutUnit,
  Scorer,
  TenantId,
} from '@skein/domain';
import { isSampled } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { recentValues } from '../engine/recent-values.ts';

/** SHA-256 of bytes, as sampling takes it. */
export const sha256Of =
  ({ deps: { hasher } }: Engine) =>
  (bytes: Uint8Array): Uint8Array =>
    hasher.bytes(bytes);

/** How long what is said of an agent is taken from memory (ms). */
const settingsMs = 1_000;

/** What was read of rollouts and agents: the parts that scoring needs of a rollout never change. */
export class ScorerCache {
  readonly #records = recentValues<string, RolloutRecord>(200);
  readonly #settings = recentValues<string, { readonly scorers: readonly DeclaredScorer[]; readonly at: number }>(
    1_000,
  );

  /** A rollout; of its parts only those that are frozen at its start are up to date. Throws `unavailable`. */
  async record(engine: Engine, tenant: TenantId, id: RolloutId): Promise<RolloutRecord | undefined> {
    const key = `${tenant} ${id}`;
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const record = await engine.deps.rollouts.find(tenant, id);
    if (record !== undefined && record.status !== 'draft') this.#records.set(key, record);
    return record;
  }

  /** What an author declared for an agent. Throws `unavailable`. */
  async declared(engine: Engine, tenant: TenantId, agentId: string): Promise<readonly DeclaredScorer[]> {
    const key = `${tenant} ${agentId}`;
    const now = engine.deps.clock.monotonicMs();
    const known = this.#settings.get(key);
    if (known !== undefined && now - known.at < settingsMs) return known.scorers;
    const settings = await engine.deps.projects.agentSettings(tenant, agentId);
    const scorers = settings?.scorers ?? [];
    this.#settings.set(key, { scorers, at: now });
    return scorers;
  }
}

/** Scorers of a rollout that judge this unit: chosen by hash with a salt of their own. */
export const sampledScorers = (
  engine: Engine,
  record: Pick<RolloutRecord, 'salt' | 'scorers'>,
  unit: Pick<RolloutUnit, 'unit'>,
): readonly Scorer[] => {
  return record.scorers.filter(({ sample }) => isSampled(sha256Of(engine), record.salt, unit.unit, sample, 'sample'));
};

/**
 * Scorers of a run that is no evidence: those of the rollout that decided its version, so that all its runs have one ruler, else those that the
 * agent's author declared; sampled by the run.
 */
export const scorersOfRun = async (
  engine: Engine,
  tenant: TenantId,
  runId: string,
  agentId: string,
  decision: AgentDecision | undefined,
): Promise<readonly (Scorer | DeclaredScorer)[]> => {
  const { cache } = engine.scoring;
  const record = decision?.rolloutId === undefined ? undefined : await cache.record(engine, tenant, decision.rolloutId);
  // A judge costs as much as a step: during a rollout only its units are judged.
  const scorers =
    record?.scorers.filter(({ kind }) => kind === 'expression') ?? (await cache.declared(engine, tenant, agentId));
  const salt = record?.salt ?? `agent/${agentId}`;
  return scorers.filter(
    ({ kind, sample }) => kind !== 'posted' && isSampled(sha256Of(engine), salt, runId, sample, 'sample'),
  );
};
