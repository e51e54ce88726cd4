import { type AgentVersion, type Digest, DomainError, type TenantId, type VersionId } from '@skein/domain';
import type {
  AgentSummary,
  Hasher,
  MemoryView,
  ProjectStore,
  Publication,
  PublicationResult,
  StoredDag,
} from '@skein/ports';
import type { MemoryMemoryStore } from './memory-memory-store.ts';

interface Project {
  readonly dags: Map<Digest, StoredDag>;
  readonly currentDags: Map<string, Digest>;
  readonly parts: Map<Digest, Uint8Array>;
  readonly versions: Map<string, AgentVersion[]>;
  readonly active: Map<string, VersionId>;
  readonly candidates: Map<string, VersionId>;
}

const emptyProject = (): Project => ({
  dags: new Map(),
  currentDags: new Map(),
  parts: new Map(),
  versions: new Map(),
  active: new Map(),
  candidates: new Map(),
});

/** DAGs, agent versions and parts, in memory; memory and the project's revision are kept by the memory store. */
export class MemoryProjectStore implements ProjectStore {
  readonly #hasher: Hasher;
  readonly #memory: MemoryMemoryStore;
  readonly #projects = new Map<TenantId, Project>();

  constructor(deps: { readonly hasher: Hasher; readonly memory: MemoryMemoryStore }) {
    this.#hasher = deps.hasher;
    this.#memory = deps.memory;
  }

  async publish(publication: Publication): Promise<PublicationResult> {
    this.#check(publication);
    const project = this.#project(publication.tenant);
    for (const part of publication.parts) project.parts.set(part.digest, part.bytes.slice());
    const agents = publication.agents.map((agent) => this.#publishAgent(project, agent, publication));
    for (const dag of publication.subDags) {
      if (!project.dags.has(dag.digest)) project.dags.set(dag.digest, structuredClone(dag));
    }
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
    const { versions, active, candidates } = this.#project(tenant);
    return [...versions]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([agentId, list]) => {
        const current = list.find((version) => version.versionId === active.get(agentId));
        const shown = current === undefined ? {} : { activeVersionId: current.versionId, activeAlias: current.alias };
        const next = list.find((version) => version.versionId === candidates.get(agentId));
        const tried = next === undefined ? {} : { candidateVersionId: next.versionId, candidateAlias: next.alias };
        return { agentId, ...shown, ...tried, versions: list.length };
      });
  }

  async listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]> {
    return [...(this.#project(tenant).versions.get(agentId) ?? [])];
  }

  async activeVersion(tenant: TenantId, agentId: string): Promise<AgentVersion | undefined> {
    const active = this.#project(tenant).active.get(agentId);
    return active === undefined ? undefined : this.findVersion(tenant, agentId, active);
  }

  async findVersion(tenant: TenantId, agentId: string, version: string): Promise<AgentVersion | undefined> {
    const versions = this.#project(tenant).versions.get(agentId) ?? [];
    return versions.find((known) => known.versionId === version || known.alias === version);
  }

  async activate(tenant: TenantId, agentId: string, versionId: VersionId): Promise<void> {
    const project = this.#project(tenant);
    if (!project.versions.get(agentId)?.some((known) => known.versionId === versionId)) {
      throw new DomainError('not_found', 'unknown agent version', { agentId, versionId });
    }
    project.active.set(agentId, versionId);
    if (project.candidates.get(agentId) === versionId) project.candidates.delete(agentId);
    this.#memory.raiseRevision(tenant);
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
    { activate, candidates, at }: Publication,
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
    const activated = activate.includes(agentId) && project.active.get(agentId) !== versionId;
    if (activated) project.active.set(agentId, versionId);
    if (activate.includes(agentId) && project.candidates.get(agentId) === versionId) project.candidates.delete(agentId);
    const wanted = candidates.includes(agentId);
    if (wanted && project.active.get(agentId) !== versionId) project.candidates.set(agentId, versionId);
    const candidate = wanted && project.candidates.get(agentId) === versionId;
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
