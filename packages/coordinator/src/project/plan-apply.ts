import type {
  AgentContent,
  AgentVersion,
  JsonValue,
  LineDiff,
  TenantId,
  VersionChange,
  VersionId,
} from '@skein/domain';
import { canonicalJson, createLineDiff, diffAgents } from '@skein/domain';
import type { AgentSummary, Publication, PublicationResult } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import type { ApplyPlan, PlannedAgent } from './apply-plan.ts';
import { createExpand, type Expand, type PartReader, storedParts } from './expand-agent.ts';
import { planDag } from './plan-dag.ts';
import { type ComparedAgent, planParts } from './plan-parts.ts';
import { planScorers } from './plan-scorers.ts';

/** Characters of one value, and lines of one text, that a plan shows. */
const maxShown = 120;
const maxLines = 60;

/** A plan, and what the publication would answer. */
export interface PlannedApply {
  readonly plan: ApplyPlan;
  readonly result: PublicationResult;
}

/** What the publication does, found against the store without doing it. Throws `unavailable`. */
export const planApply = async (engine: Engine, publication: Publication): Promise<PlannedApply> => {
  const { projects } = engine.deps;
  const { tenant } = publication;
  const own = new Map(publication.parts.map(({ digest, bytes }) => [digest, bytes]));
  const stored = storedParts(engine, tenant);
  const read: PartReader = async (digest) => own.get(digest) ?? stored(digest);
  const tools = { expand: createExpand(read), lineDiff: createLineDiff() };
  const summaries = new Map((await projects.listAgents(tenant)).map((summary) => [summary.agentId, summary]));
  const agents: AgentOutcome[] = [];
  for (const agent of publication.agents) {
    agents.push(await planAgent(engine, publication, agent, summaries.get(agent.content.agentId), tools));
  }
  const dags = await Promise.all(
    publication.dags.map(async (dag) => planDag(dag, await projects.findDag(tenant, dag.name))),
  );
  const scopes = publication.memory.map(({ scope }) => scope);
  const existing = new Set((await projects.readMemory(tenant, scopes)).map(({ scope }) => scope));
  const planned = agents.map((agent) => agent.planned);
  return {
    plan: {
      agents: planned,
      dags,
      parts: planParts(agents.flatMap(({ compared }) => compared ?? [])),
      memory: scopes.map((scope) => ({ scope, change: existing.has(scope) ? 'kept' : 'seeded' })),
    },
    result: {
      agents: agents.map(({ planned: { agentId, versionId, version, active, candidate }, created }) => ({
        agentId,
        versionId,
        alias: version.after ?? '',
        created,
        activated: publication.activate.includes(agentId) && active.before !== active.after,
        candidate: publication.candidates.includes(agentId) && candidate.after === version.after,
      })),
      dags: dags.map(({ name, digest, change }) => ({ name, digest, change })),
      memory: scopes.map((scope) => ({ scope, seeded: !existing.has(scope) })),
    },
  };
};

const alias = (before: string | undefined, after: string | undefined) => ({
  ...(before === undefined ? {} : { before }),
  ...(after === undefined ? {} : { after }),
});

/** What the agents of one plan share. */
interface Tools {
  readonly expand: Expand;
  readonly lineDiff: LineDiff;
}

interface AgentOutcome {
  readonly planned: PlannedAgent;
  readonly created: boolean;
  readonly compared: ComparedAgent | undefined;
}

const planAgent = async (
  engine: Engine,
  publication: Publication,
  { versionId, content }: { readonly versionId: VersionId; readonly content: AgentContent },
  summary: AgentSummary | undefined,
  tools: Tools,
): Promise<AgentOutcome> => {
  const { agentId } = content;
  const { tenant } = publication;
  const { projects } = engine.deps;
  const versions = summary?.versions ?? 0;
  const known = versions === 0 ? undefined : await projects.findVersion(tenant, agentId, versionId);
  const earlier = summary?.activeVersionId ?? (versions === 0 ? undefined : `v${versions}`);
  const before = earlier === undefined ? undefined : await projects.findVersion(tenant, agentId, earlier);
  const after = known?.alias ?? `v${versions + 1}`;
  const isUpdate = before !== undefined && before.versionId !== versionId;
  const compared = isUpdate ? await compare(engine, tenant, before, content, tools.expand) : undefined;
  const activeAfter = publication.activate.includes(agentId) ? after : summary?.activeAlias;
  const named = publication.candidates.includes(agentId) ? after : summary?.candidateAlias;
  // The candidate that becomes the active version is a candidate no more.
  const candidateAfter = named === activeAfter ? undefined : named;
  const scorers = await planScorers(engine, publication, agentId);
  const planned: PlannedAgent = {
    agentId,
    change: before === undefined ? 'created' : isUpdate ? 'updated' : 'unchanged',
    versionId,
    version: alias(before?.alias, after),
    active: alias(summary?.activeAlias, activeAfter),
    candidate: alias(summary?.candidateAlias, candidateAfter),
    changes: compared === undefined ? [] : diffAgents(compared.before, compared.after, tools.lineDiff).map(shortened),
    ...(scorers === undefined ? {} : { scorers }),
  };
  return { planned, created: known === undefined, compared };
};

/** Undefined when the earlier version cannot be read here: that is no reason not to publish a new one. */
const compare = async (
  engine: Engine,
  tenant: TenantId,
  before: AgentVersion,
  content: AgentContent,
  expand: Expand,
): Promise<ComparedAgent | undefined> => {
  const { agentId } = content;
  try {
    return { agentId, before: await expand(before.content), after: await expand(content) };
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    engine.deps.log.warn('an agent version cannot be compared', { tenant, agentId, error: thrown });
    return undefined;
  }
};

/** A change as a plan shows it: lines instead of long texts, and the beginning of long values. */
const shortened = ({ path, kind, before, after, lines }: VersionChange): VersionChange => ({
  path,
  kind,
  ...(before === undefined || lines !== undefined ? {} : { before: short(before) }),
  ...(after === undefined || lines !== undefined ? {} : { after: short(after) }),
  ...(lines === undefined
    ? {}
    : { lines: lines.length > maxLines ? [...lines.slice(0, maxLines).map(shortText), '@@'] : lines.map(shortText) }),
});

const short = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return shortText(value);
  const text = canonicalJson(value);
  return text.length <= maxShown ? value : shortText(text);
};

const shortText = (text: string): string => {
  if (text.length <= maxShown) return text;
  // Not in the middle of a surrogate pair.
  return `${text.slice(0, maxShown).replace(/[\uD800-\uDBFF]$/, '')}…`;
};
