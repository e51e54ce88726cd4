import type { AgentDecision, TenantId } from '@skein/domain';
import { parseForkScope } from '@skein/domain';
import type { MemoryView, ProjectStore } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { Routes } from '../submit/agent-routes.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

const ownScope = (agentId: string): string => `agent/${agentId}`;

/** A revision of a scope under the name by which agents know it; undefined for one that is not there. */
const viewAt = async (
  { deps }: Engine,
  tenant: TenantId,
  scope: string,
  revision: number,
): Promise<MemoryView | undefined> => {
  const found = revision === 0 ? undefined : await deps.memory.readRevision(tenant, scope, revision);
  return found === undefined ? undefined : { scope, revision: found.revision, text: found.text };
};

/** What an arm remembers: its copy, and as long as it wrote none, the agent's memory as it was when the rollout began. */
const forked = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  copy: string,
  startRevision: number,
): Promise<MemoryView | undefined> => {
  const [own] = await engine.deps.projects.readMemory(tenant, [copy]);
  if (own !== undefined) return { ...own, scope: ownScope(agentId) };
  return viewAt(engine, tenant, ownScope(agentId), startRevision);
};

/** The revision of an agent's memory from which the copies of a rollout begin; 0 for one that is unknown. */
const startOf = async (engine: Engine, tenant: TenantId, routes: Routes, copy: string): Promise<number> => {
  const fork = parseForkScope(copy);
  if (fork === undefined) return 0;
  const live = routes.rollouts.get(fork.agentId);
  const record = live?.id === fork.rolloutId ? live : await engine.deps.rollouts.find(tenant, fork.rolloutId);
  return record?.memory.revision ?? 0;
};

/**
 * The project's stores for one build of a snapshot: the memory of an agent with a live rollout is that of the rollout's start (frozen), or the
 * copy of the arm that the run got (forked), so that no arm sees what another one learned (I9).
 */
export const memoryOfArms = (
  engine: Engine,
  routes: Routes,
  agents: Agents,
): Pick<ProjectStore, 'findVersion' | 'readPart' | 'readMemory'> => {
  const { projects } = engine.deps;
  const readMemory: ProjectStore['readMemory'] = async (tenant, scopes) => {
    const own: string[] = [];
    const views: MemoryView[] = [];
    for (const scope of scopes) {
      const agentId = scope.startsWith('agent/') ? scope.slice('agent/'.length) : undefined;
      const copy = agentId === undefined ? undefined : agents[agentId]?.memory;
      const memory = agentId === undefined ? undefined : routes.rollouts.get(agentId)?.memory;
      if (agentId !== undefined && copy !== undefined) {
        const view = await forked(engine, tenant, agentId, copy, await startOf(engine, tenant, routes, copy));
        if (view !== undefined) views.push(view);
      } else if (memory !== undefined && memory.mode !== 'shared') {
        const view = await viewAt(engine, tenant, scope, memory.revision);
        if (view !== undefined) views.push(view);
      } else {
        own.push(scope);
      }
    }
    const rest = own.length === 0 ? [] : await projects.readMemory(tenant, own);
    const all = new Map([...rest, ...views].map((view) => [view.scope, view]));
    return scopes.flatMap((scope) => all.get(scope) ?? []);
  };
  return {
    findVersion: (tenant, agentId, version) => projects.findVersion(tenant, agentId, version),
    readPart: (tenant, digest) => projects.readPart(tenant, digest),
    readMemory,
  };
};
