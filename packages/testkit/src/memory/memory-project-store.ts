import {
  type AgentSettings,
  type AgentVersion,
  type Digest,
  DomainError,
  isLive,
  type TenantId,
  type VersionId,
} from '@skein/domain';
import type {
  AgentSummary,
  Hasher,
  MemoryView,
  ProjectStore,
  Publication,
  PublicationResult,
  RolloutChange,
  StoredDag,
} from '@skein/ports';
import { MemoryAgentPointers } from './memory-agent-pointers.ts';
import type { MemoryMemoryStore } from './memory-memory-store.ts';
import type { MemoryRolloutStore } from './memory-rollout-store.ts';

interface Project {
  readonly dags: Map<Digest, StoredDag>;
  readonly currentDags: Map<string, Digest>;
  readonly parts: Map<Digest, Uint8Array>;
  readonly versions: Map<string, AgentVersion[]>;
  readonly settings: Map<string, AgentSettings>;
}

const emptyProject = (): Project => ({
  dags: new Map(),
  currentDags: new Map(),
  parts: new Map(),
  versions: new Map(),
  settings: new Map(),
});

/** DAGs, agent versions and parts, in memory; memory and the project's revision are kept by the memory store. */
export class MemoryProjectStore implements ProjectStore {
  readonly #hasher: Hasher;
  readonly #memory: MemoryMemoryStore;
  readonly #pointers: MemoryAgentPointers;
  readonly #rollouts: MemoryRolloutStore | undefined;
  readonly #projects = new Map<TenantId, Project>();

  constructor(deps: {
    readonly hasher: Hasher;
    readonly memory: MemoryMemoryStore;
    /** Shared with the store of rollouts, which has a say in what becomes active. */
    readonly pointers?: MemoryAgentPointers;
    readonly rollouts?: MemoryRolloutStore;
  }) {
    this.#hasher = deps.hasher;
    this.#memory = deps.memory;
    this.#pointers = deps.pointers ?? new MemoryAgentPointers();
    this.#rollouts = deps.rollouts;
  }

  async publish(publication: Publication): Promise<PublicationResult> {
    this.#check(publication);
    const { endsRollouts = [], settings = [] } = publication;
    const project = this.#project(publication.tenant);
    const activated = publication.agents.filter(({ content }) => publication.activate.includes(content.agentId));
    const active = activated.map(({ versionId, content }) => ({ agentId: content.agentId, versionId }));
    this.#endRollouts(publication.tenant, active, endsRollouts);
    for (const one of settings) project.settings.set(one.agentId, structuredClone(one));
    for (const part of publication.parts) project.parts.set(part.digest, part.bytes.slice());
    const agents = publication.agents.map((agent) => this.#publishAgent(project, agent, publication));
    this.#keep(project, publication.subDags);
    const dags = publication.dags.map((dag) => this.#publishDag(project, dag));
    const memory = publication.memory.map((seed) => ({
      scope: seed.scope,
      seeded: this.#memory.seed(publication.tenant, seed, publication.at),
    }));
    this.#memory.raiseRevision(publication.tenant);
    return { agents, dags, memory };
  }

  async findDag(tenant: TenantId, name: string): Promise<StoredDag | undefined> {
    const project = this.#project(tenant);
    return project.dags.get(project.currentDags.get(name) ?? '');
  }

  async findDagByDigest(tenant: TenantId, digest: Digest): Promise<StoredDag | undefined> {
    return this.#project(tenant).dags.get(digest);
  }

  async listDags(tenant: TenantId): Promise<readonly StoredDag[]> {
    const { currentDags, dags } = this.#project(tenant);
    return [...currentDags]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, digest]) => {
        const dag = dags.get(digest);
        return dag === undefined ? [] : [dag];
      });
  }

  async listAgents(tenant: TenantId): Promise<readonly AgentSummary[]> {
    const { versions } = this.#project(tenant);
    return [...versions]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([agentId, list]) => {
        const current = list.find((version) => version.versionId === this.#pointers.active(tenant, agentId));
        const shown = current === undefined ? {} : { activeVersionId: current.versionId, activeAlias: current.alias };
        const next = list.find((version) => version.versionId === this.#pointers.candidate(tenant, agentId));
        const tried = next === undefined ? {} : { candidateVersionId: next.versionId, candidateAlias: next.alias };
        return { agentId, ...shown, ...tried, versions: list.length };
      });
  }

  async listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]> {
    return [...(this.#project(tenant).versions.get(agentId) ?? [])];
  }

  async activeVersion(tenant: TenantId, agentId: string): Promise<AgentVersion | undefined> {
    const active = this.#pointers.active(tenant, agentId);
    return active === undefined ? undefined : this.findVersion(tenant, agentId, active);
  }

  async findVersion(tenant: TenantId, agentId: string, version: string): Promise<AgentVersion | undefined> {
    const versions = this.#project(tenant).versions.get(agentId) ?? [];
    return versions.find((known) => known.versionId === version || known.alias === version);
  }

  async activate(tenant: TenantId, agentId: string, versionId: VersionId, ends?: RolloutChange): Promise<void> {
    const project = this.#project(tenant);
    if (!project.versions.get(agentId)?.some((known) => known.versionId === versionId)) {
      throw new DomainError('not_found', 'unknown agent version', { agentId, versionId });
    }
    this.#endRollouts(tenant, [{ agentId, versionId }], ends === undefined ? [] : [ends]);
    this.#pointers.activate(tenant, agentId, versionId);
    this.#memory.raiseRevision(tenant);
  }

  async agentSettings(tenant: TenantId, agentId: string): Promise<AgentSettings | undefined> {
    return structuredClone(this.#project(tenant).settings.get(agentId));
  }

  async keepDags(tenant: TenantId, dags: readonly StoredDag[]): Promise<void> {
    this.#keep(this.#project(tenant), dags);
  }

  async readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#project(tenant).parts.get(digest)?.slice();
  }

  async readMemory(tenant: TenantId, scopes: readonly string[]): Promise<readonly MemoryView[]> {
    return [...new Set(scopes)].flatMap((scope) => this.#memory.view(tenant, scope) ?? []);
  }

  async revision(tenant: TenantId): Promise<number> {
    return this.#memory.projectRevision(tenant);
  }

  #project(tenant: TenantId): Project {
    const project = this.#projects.get(tenant) ?? emptyProject();
    this.#projects.set(tenant, project);
    return project;
  }

  #keep({ dags }: Project, kept: readonly StoredDag[]): void {
    for (const dag of kept) if (!dags.has(dag.digest)) dags.set(dag.digest, structuredClone(dag));
  }

  /** I6: an agent that gets another active version has no live rollout afterwards; nothing is changed when one would be left. */
  #endRollouts(
    tenant: TenantId,
    activated: readonly { readonly agentId: string; readonly versionId: VersionId }[],
    ends: readonly RolloutChange[],
  ): void {
    const rollouts = this.#rollouts;
    if (rollouts === undefined) return;
    const left = activated.flatMap(({ agentId, versionId }) => {
      if (this.#pointers.active(tenant, agentId) === versionId) return [];
      const live = rollouts.liveOf(tenant, agentId);
      const written = ends.filter(({ record }) => record.agentId === agentId).map(({ record }) => record);
      return [
        ...(live === undefined || written.some(({ id }) => id === live.id) ? [] : [live]),
        ...written.filter(({ status }) => isLive(status)),
      ];
    });
    const stale = ends.filter((change) => !rollouts.mayReplace(change)).map(({ record }) => record);
    const [conflict] = [...left, ...stale];
    if (conflict !== undefined) {
      const { agentId, id: rolloutId } = conflict;
      throw new DomainError('version_conflict', 'a rollout of the agent is live', { agentId, rolloutId });
    }
    for (const change of ends) rollouts.write(change);
  }

  /** Everything that can be wrong is found before anything is changed. */
  #check({ parts, agents, activate, candidates }: Publication): void {
    for (const { digest, bytes } of parts) {
      if (this.#hasher.digest(bytes) !== digest) {
        throw new DomainError('digest_mismatch', 'a part does not match its digest', { digest });
      }
    }
    const unknown = [...activate, ...candidates].filter(
      (agentId) => !agents.some(({ content }) => content.agentId === agentId),
    );
    if (unknown.length > 0) {
      throw new DomainError(
        'invalid_argument',
        'only agents of the publication can be made active or candidate by it',
        {
          unknown,
        },
      );
    }
  }

  #publishAgent(
    project: Project,
    { versionId, content }: Publication['agents'][number],
    { tenant, activate, candidates, at }: Publication,
  ): PublicationResult['agents'][number] {
    const { agentId } = content;
    const versions = project.versions.get(agentId) ?? [];
    project.versions.set(agentId, versions);
    const known = versions.find((version) => version.versionId === versionId);
    const alias = known?.alias ?? `v${versions.length + 1}`;
    if (known === undefined) {
      const publishedAt = new Date(at).toISOString();
      versions.push({ agentId, versionId, alias, content: structuredClone(content), publishedAt });
    }
    const activated = activate.includes(agentId) && this.#pointers.active(tenant, agentId) !== versionId;
    if (activate.includes(agentId)) this.#pointers.activate(tenant, agentId, versionId);
    const wanted = candidates.includes(agentId);
    if (wanted) this.#pointers.nameCandidate(tenant, agentId, versionId);
    const candidate = wanted && this.#pointers.candidate(tenant, agentId) === versionId;
    return { agentId, versionId, alias, created: known === undefined, activated, candidate };
  }

  #publishDag(project: Project, dag: StoredDag): PublicationResult['dags'][number] {
    const current = project.currentDags.get(dag.name);
    project.dags.set(dag.digest, structuredClone(dag));
    project.currentDags.set(dag.name, dag.digest);
    const change = current === undefined ? 'created' : current === dag.digest ? 'unchanged' : 'updated';
    return { name: dag.name, digest: dag.digest, change };
  }
}
