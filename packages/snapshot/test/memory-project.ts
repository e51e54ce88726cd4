import {
  type AgentContent,
  type Digest,
  defaultSnapshotLimits,
  type PartKind,
  type SnapshotLimits,
  type SnapshotRequirements,
  versionIdOf,
} from '@skein/domain';
import type { MemoryView, ProjectStore } from '@skein/ports';
import type { BuildDeps } from '../src/build-snapshot.ts';
import { encodePart } from '../src/part-codec.ts';
import type { PartContents } from '../src/part-content.ts';
import { hasher } from './sealed.ts';

/** A project in memory: what was put in, under the digest that it has. */
export const project = (limits: SnapshotLimits = defaultSnapshotLimits) => {
  const parts = new Map<Digest, Uint8Array>();
  const agents = new Map<string, AgentContent>();
  const memory: MemoryView[] = [];
  const put = <K extends PartKind>(kind: K, content: PartContents[K]): Digest => {
    const bytes = encodePart(kind, content);
    const digest = hasher.digest(bytes);
    parts.set(digest, bytes);
    return digest;
  };
  const model = put('model', { id: 'm', provider: 'offline', model: 'rules-1', parameters: {} });
  const tools = put('tools', { allow: ['read'], bash: { allow: [], deny: [] }, servers: {} });
  const agent = (agentId: string, fields: Partial<AgentContent> = {}): string => {
    const content: AgentContent = {
      agentId,
      description: '',
      instructions: '',
      model,
      skills: {},
      tools,
      limits: {},
      subAgents: {},
      ...fields,
    };
    const versionId = versionIdOf(content, hasher);
    agents.set(`${agentId}@${versionId}`, content);
    return versionId;
  };
  const projects: Required<BuildDeps['projects']> & Pick<ProjectStore, 'findVersion' | 'readPart' | 'readMemory'> = {
    findVersion: async (_tenant, agentId, version) => {
      const content = agents.get(`${agentId}@${version}`);
      return content && { agentId, versionId: version, alias: 'v1', content, publishedAt: '2026-01-01T00:00:00.000Z' };
    },
    readPart: async (_tenant, digest) => parts.get(digest),
    readMemory: async (_tenant, scopes) => memory.filter(({ scope }) => scopes.includes(scope)),
  };
  const deps: BuildDeps = { projects, hasher, limits };
  return { deps, parts, agents, memory, model, tools, put, agent };
};

/** Requirements of one step for each of these agents. */
export const requiring = (
  agentIds: readonly string[],
  memory: Partial<SnapshotRequirements['memory']> = {},
): SnapshotRequirements => ({
  agents: agentIds.map((agentId) => ({
    agentId,
    askedBy: `step "use-${agentId}" of DAG "d"`,
    steps: [`d/use-${agentId}`],
  })),
  memory: { global: false, dags: [], agents: [], steps: {}, ...memory },
  calls: {},
  askers: agentIds.map((agentId) => `d/use-${agentId}`),
});
