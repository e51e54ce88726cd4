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

interface Project {
  revision: number;
  readonly dags: Map<Digest, StoredDag>;
  readonly currentDags: Map<string, Digest>;
  readonly parts: Map<Digest, Uint8Array>;
  readonly versions: Map<string, AgentVersion[]>;
  readonly active: Map<string, VersionId>;
  readonly memory: Map<string, MemoryView>;
}

const emptyProject = (): Project => ({
  revision: 0,
  dags: new Map(),
  currentDags: new Map(),
  parts: new Map(),
  versions: new Map(),
  active: new Map(),
  memory: new Map(),
});

/** DAGs, agent versions, parts and memory notes, in memory. */
export class MemoryProjectStore implements ProjectStore {
  readonly #hasher: Hasher;
  readonly #projects = new Map<TenantId, Project>();

  constructor(deps: { readonly hasher: Hasher }) {
    this.#hasher = deps.hasher;
  }

  async publish(publication: Publication): Promise<PublicationResult> {
    this.#check(publication);
    const project = this.#project(publication.tenant);
    for (const part of publication.parts) project.parts.set(part.digest, part.bytes.slice());
    const agents = publication.agents.map((agent) => this.#publishAgent(project, agent, publication));
    const dags = publication.dags.map((dag) => this.#publishDag(project, dag));
    const memory = publication.memory.map(({ scope, text }) => {
      const seeded = !project.memory.has(scope);
      if (seeded) project.memory.set(scope, { scope, revision: 1, text });
      return { scope, seeded };
    });
    project.revision += 1;
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
    const { versions, active } = this.#project(tenant);
    return [...versions]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([agentId, list]) => {
        const current = list.find((version) => version.versionId === active.get(agentId));
        const shown = current === undefined ? {} : { activeVersionId: current.versionId, activeAlias: current.alias };
        return { agentId, ...shown, versions: list.length };
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
    project.revision += 1;
  }

  async readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#project(tenant).parts.get(digest)?.slice();
  }

  async readMemory(tenant: TenantId, scopes: readonly string[]): Promise<readonly MemoryView[]> {
    const { memory } = this.#project(tenant);
    return [...new Set(scopes)].flatMap((scope) => memory.get(scope) ?? []);
  }

  async revision(tenant: TenantId): Promise<number> {
    return this.#project(tenant).revision;
  }

  #project(tenant: TenantId): Project {
    const project = this.#projects.get(tenant) ?? emptyProject();
    this.#projects.set(tenant, project);
    return project;
  }

  /** Everything that can be wrong is found before anything is changed. */
  #check({ parts, agents, activate }: Publication): void {
    for (const { digest, bytes } of parts) {
      if (this.#hasher.digest(bytes) !== digest) {
        throw new DomainError('digest_mismatch', 'a part does not match its digest', { digest });
      }
    }
    const unknown = activate.filter((agentId) => !agents.some(({ content }) => content.agentId === agentId));
    if (unknown.length > 0) {
      throw new DomainError('invalid_argument', 'only agents of the publication can be activated by it', { unknown });
    }
  }

  #publishAgent(
    project: Project,
    { versionId, content }: Publication['agents'][number],
    { activate, at }: Publication,
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
    return { agentId, versionId, alias, created: known === undefined, activated, candidate: false };
  }

  #publishDag(project: Project, dag: StoredDag): PublicationResult['dags'][number] {
    const current = project.currentDags.get(dag.name);
    project.dags.set(dag.digest, structuredClone(dag));
    project.currentDags.set(dag.name, dag.digest);
    const change = current === undefined ? 'created' : current === dag.digest ? 'unchanged' : 'updated';
    return { name: dag.name, digest: dag.digest, change };
  }
}
