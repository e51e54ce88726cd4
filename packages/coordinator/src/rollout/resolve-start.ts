import type {
  AgentVersion,
  DeclaredScorer,
  NewRollout,
  RolloutActor,
  Scorer,
  TenantId,
  VersionId,
} from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { findAgentVersion } from '../project/agent-versions.ts';
import { requireRollout } from './find-rollout.ts';
import type { ScorerInput, StartRollout } from './rollout-requests.ts';

/** Names that the predicate and the scorers of a rollout may use. */
export const eligibilityVariables = ['context'] as const;
const scorerVariables = ['outputs', 'status', 'durationMs', 'usage', 'params'] as const;

/** Characters of a salt: 6 bits each, so 128 bits and a little more. */
const saltLength = 22;

const refused = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

/** The active version, with which everything is compared. Throws `invalid_argument`. */
export const stableOf = async (engine: Engine, tenant: TenantId, agentId: string): Promise<AgentVersion> => {
  const active = await engine.deps.projects.activeVersion(tenant, agentId);
  if (active !== undefined) return active;
  throw new DomainError('invalid_argument', `the agent ${agentId} has no active version to compare with`, { agentId });
};

const expected = {
  condition: `CEL over ${eligibilityVariables.join(', ')} that gives true or false`,
  score: `CEL over ${scorerVariables.join(', ')} that gives a number or true or false`,
} as const;

/** The same predicate or formula for all arms: it must parse. Throws `invalid_argument` with the field and the place in the text. */
const checkExpression = (engine: Engine, text: string, gives: keyof typeof expected, field: string): void => {
  try {
    engine.deps.expressions.compile(text, gives === 'score' ? scorerVariables : eligibilityVariables, gives);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : 'this is no expression';
    throw new DomainError('invalid_argument', `${field}: ${message}`, {
      problems: [{ message, field, expected: expected[gives] }],
    });
  }
};

/** Scorers with the versions of their judges, which stay the same for all arms and for the whole rollout. Throws `invalid_argument`. */
export const frozenScorers = async (
  engine: Engine,
  tenant: TenantId,
  declared: readonly (DeclaredScorer | ScorerInput)[],
): Promise<readonly Scorer[]> => {
  const scorers: Scorer[] = [];
  for (const [index, scorer] of declared.entries()) {
    const field = `scorers[${index}]`;
    const { id, sample = 1 } = scorer;
    if (scorer.kind === 'posted') scorers.push({ id, kind: 'posted', sample });
    else if (scorer.kind === 'expression') {
      checkExpression(engine, scorer.expression, 'score', `${field}.expression`);
      scorers.push({ id, kind: 'expression', expression: scorer.expression, sample });
    } else {
      const judge = 'agentId' in scorer ? scorer.agentId : scorer.agent;
      const active = await engine.deps.projects.activeVersion(tenant, judge);
      if (active === undefined) throw refused(`the judge ${judge} has no active version`, `${field}.agent`);
      const { rubric } = scorer;
      scorers.push({ id, kind: 'agent', agentId: judge, versionId: active.versionId, rubric, sample });
    }
  }
  return scorers;
};

/** A version by id, alias or the beginning of its id; never the stable one. Throws `not_found`, `invalid_argument`. */
const candidateOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  name: string | undefined,
  stable: AgentVersion,
): Promise<VersionId> => {
  if (name === undefined) throw refused('a canary needs a candidate', 'candidateVersionId');
  const { versionId, alias } = await findAgentVersion(engine, tenant, agentId, name);
  if (versionId !== stable.versionId) return versionId;
  throw refused(`the candidate ${alias} is the active version: there is nothing to compare`, 'candidateVersionId');
};

/** Fresh, or that of an earlier rollout of the agent, so that the same units meet the candidate. Throws `not_found`. */
const saltOf = async (engine: Engine, tenant: TenantId, agentId: string, reuse: string | undefined): Promise<string> =>
  reuse === undefined
    ? engine.deps.secrets.secureToken().slice(0, saltLength)
    : (await requireRollout(engine, tenant, reuse, agentId)).salt;

/** What is asked for, with every name resolved to what it means now. Throws `not_found`, `invalid_argument`. */
export const resolveStart = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  start: StartRollout,
  by: RolloutActor,
): Promise<NewRollout> => {
  const { projects, ids, clock } = engine.deps;
  const {
    candidateVersionId,
    arms,
    scorers,
    reuseSalt,
    replay: _replay,
    reason: _reason,
    force: _force,
    ...kept
  } = start;
  const stable = await stableOf(engine, tenant, agentId);
  if (start.eligibility !== undefined) checkExpression(engine, start.eligibility, 'condition', 'eligibility');
  const declared = scorers ?? (await projects.agentSettings(tenant, agentId))?.scorers ?? [];
  const [memory] = await projects.readMemory(tenant, [`agent/${agentId}`]);
  const versions =
    start.type === 'canary'
      ? { candidateVersionId: await candidateOf(engine, tenant, agentId, candidateVersionId, stable) }
      : {
          arms: await Promise.all(
            (arms ?? []).map(async (arm) => ({
              ...arm,
              versionId: (await findAgentVersion(engine, tenant, agentId, arm.versionId)).versionId,
            })),
          ),
        };
  return {
    ...kept,
    ...versions,
    tenant,
    id: ids.next('rol'),
    agentId,
    stableVersionId: stable.versionId,
    salt: await saltOf(engine, tenant, agentId, reuseSalt),
    by,
    at: clock.now(),
    memoryRevision: memory?.revision ?? 0,
    scorers: await frozenScorers(engine, tenant, declared),
  };
};
