import {
  type AgentSettings,
  type AgentVersion,
  type Dag,
  type Digest,
  DomainError,
  type TenantId,
  type VersionId,
} from '@skein/domain';
import type {
  AgentSummary,
  BlobStore,
  Hasher,
  MemoryView,
  ProjectStore,
  Publication,
  PublicationResult,
  RolloutChange,
  StoredDag,
} from '@skein/ports';
import { sql } from 'kysely';
import { readStoredPart } from '../files/read-stored-part.ts';
import { activationGuards } from '../rollout/activation-guards.ts';
import { projectLock, rolloutLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import { clearCandidate } from './candidate-statements.ts';
import { keepDag, raiseRevision } from './publish-statements.ts';
import { createPublishUnit } from './publish-unit.ts';

/** What the project store works with. */
export interface SqlProjectStoreDeps {
  readonly committer: Committer;
  readonly queries: Queries;
  readonly blobs: BlobStore;
  readonly hasher: Hasher;
  /** Unlike that of any other opening of the database. */
  readonly writer: string;
}

/** DAGs, agent versions and memory in SQL; the bytes of parts in the blob store. */
export class SqlProjectStore implements ProjectStore {
  readonly #deps: SqlProjectStoreDeps;
  readonly #queries: Queries;
  #count = 0;

  constructor(deps: SqlProjectStoreDeps) {
    this.#deps = deps;
    this.#queries = deps.queries;
  }

  async publish(publication: Publication): Promise<PublicationResult> {
    this.#check(publication);
    const { tenant, parts } = publication;
    // Bytes first: a row never names bytes that are not on disk. Bytes without a row are only garbage.
    await Promise.all(parts.map((part) => this.#deps.blobs.put(tenant, part.bytes)));
    const { unit, resultOf } = createPublishUnit(this.#queries, publication, this.#nextCommitId());
    return resultOf(await this.#deps.committer.commit(unit));
  }

  async findDag(tenant: TenantId, name: string): Promise<StoredDag | undefined> {
    const row = await this.#currentDags(tenant).where('dag_current.name', '=', name).executeTakeFirst();
    return row === undefined ? undefined : dagOf(row);
  }

  async findDagByDigest(tenant: TenantId, digest: Digest): Promise<StoredDag | undefined> {
    const row = await this.#queries
      .selectFrom('dag')
      .select(['name', 'digest', 'dag', 'source'])
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? undefined : dagOf(row);
  }

  async listDags(tenant: TenantId): Promise<readonly StoredDag[]> {
    return (await this.#currentDags(tenant).orderBy('dag_current.name').execute()).map(dagOf);
  }

  async listAgents(tenant: TenantId): Promise<readonly AgentSummary[]> {
    const rows = await this.#queries
      .selectFrom('agent_version as version')
      .leftJoin('agent_active as active', (join) =>
        join.onRef('active.tenant', '=', 'version.tenant').onRef('active.agent_id', '=', 'version.agent_id'),
      )
      .leftJoin('agent_candidate as candidate', (join) =>
        join.onRef('candidate.tenant', '=', 'version.tenant').onRef('candidate.agent_id', '=', 'version.agent_id'),
      )
      .select((eb) => [
        'version.agent_id',
        eb.fn.countAll<number>().as('versions'),
        eb.fn.max('active.version_id').as('active_id'),
        sql<number | null>`max(case when active.version_id = version.version_id then version.number end)`.as('active'),
        eb.fn.max('candidate.version_id').as('candidate_id'),
        sql<number | null>`max(case when candidate.version_id = version.version_id then version.number end)`.as(
          'candidate',
        ),
      ])
      .where('version.tenant', '=', tenant)
      .groupBy('version.agent_id')
      .orderBy('version.agent_id')
      .execute();
    return rows.map(
      ({ agent_id: agentId, versions, active_id: activeId, active, candidate_id: candidateId, candidate }) => ({
        agentId,
        ...(activeId === null || active === null ? {} : { activeVersionId: activeId, activeAlias: `v${active}` }),
        ...(candidateId === null || candidate === null
          ? {}
          : { candidateVersionId: candidateId, candidateAlias: `v${candidate}` }),
        versions: Number(versions),
      }),
    );
  }

  async listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]> {
    return (await this.#versions(tenant, agentId).orderBy('number').execute()).map(versionOf);
  }

  async activeVersion(tenant: TenantId, agentId: string): Promise<AgentVersion | undefined> {
    const active = this.#queries
      .selectFrom('agent_active')
      .select('version_id')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId);
    const row = await this.#versions(tenant, agentId).where('version_id', '=', active).executeTakeFirst();
    return row === undefined ? undefined : versionOf(row);
  }

  async findVersion(tenant: TenantId, agentId: string, version: string): Promise<AgentVersion | undefined> {
    const alias = /^v([1-9][0-9]{0,8})$/.exec(version)?.[1];
    const versions = this.#versions(tenant, agentId);
    const wanted =
      alias === undefined ? versions.where('version_id', '=', version) : versions.where('number', '=', Number(alias));
    const row = await wanted.executeTakeFirst();
    return row === undefined ? undefined : versionOf(row);
  }

  async activate(tenant: TenantId, agentId: string, versionId: VersionId, ends?: RolloutChange): Promise<void> {
    const known = this.#versions(tenant, agentId).where('version_id', '=', versionId);
    const activation = activationGuards(
      this.#queries,
      tenant,
      [{ agentId, versionId }],
      ends === undefined ? [] : [ends],
      this.#nextCommitId(),
    );
    const outcome = await this.#deps.committer.commit({
      key: tenant,
      locks: [projectLock(tenant, 'exclusive'), ...(ends === undefined ? [] : [rolloutLock(tenant, ends.record.id)])],
      guards: [{ must: 'exist', ...bound(known) }, ...activation.guards],
      writes: [
        ...activation.writes,
        clearCandidate(this.#queries, tenant, agentId, versionId),
        raiseRevision(this.#queries, tenant),
      ],
    });
    if (outcome.status === 'done') return;
    if (outcome.guard > 0) activation.refuse(outcome.guard - 1, outcome.rows);
    throw new DomainError('not_found', 'unknown agent version', { agentId, versionId });
  }

  async agentSettings(tenant: TenantId, agentId: string): Promise<AgentSettings | undefined> {
    const row = await this.#queries
      .selectFrom('agent_settings')
      .select('settings')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.settings) as AgentSettings);
  }

  async keepDags(tenant: TenantId, dags: readonly StoredDag[]): Promise<void> {
    if (dags.length === 0) return;
    const writes = dags.map((dag) => keepDag(this.#queries, tenant, dag));
    await this.#deps.committer.commit({ key: tenant, locks: [projectLock(tenant, 'shared')], guards: [], writes });
  }

  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return readStoredPart(this.#deps.blobs, tenant, digest);
  }

  async readMemory(tenant: TenantId, scopes: readonly string[]): Promise<readonly MemoryView[]> {
    if (scopes.length === 0) return [];
    return this.#queries
      .selectFrom('memory')
      .select(['scope', 'revision', 'text'])
      .where('tenant', '=', tenant)
      .where('scope', 'in', [...scopes])
      .execute();
  }

  async revision(tenant: TenantId): Promise<number> {
    const project = this.#queries.selectFrom('project').select('revision').where('tenant', '=', tenant);
    return Number((await project.executeTakeFirst())?.revision ?? 0);
  }

  #nextCommitId(): string {
    this.#count += 1;
    return `${this.#deps.writer}.p${this.#count.toString(36)}`;
  }

  #versions(tenant: TenantId, agentId: string) {
    return this.#queries
      .selectFrom('agent_version')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId);
  }

  #currentDags(tenant: TenantId) {
    return this.#queries
      .selectFrom('dag_current')
      .innerJoin('dag', (join) =>
        join.onRef('dag.tenant', '=', 'dag_current.tenant').onRef('dag.digest', '=', 'dag_current.digest'),
      )
      .select(['dag.name', 'dag.digest', 'dag.dag', 'dag.source'])
      .where('dag_current.tenant', '=', tenant);
  }

  /** Everything that can be wrong is found before anything is changed. */
  #check({ parts, agents, activate, candidates }: Publication): void {
    for (const { digest, bytes } of parts) {
      if (this.#deps.hasher.digest(bytes) !== digest) {
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
}

const dagOf = (row: { name: string; digest: string; dag: string; source: string | null }): StoredDag => ({
  name: row.name,
  digest: row.digest,
  dag: JSON.parse(row.dag) as Dag,
  ...(row.source === null ? {} : { source: row.source }),
});

const versionOf = (row: {
  agent_id: string;
  number: number;
  version_id: string;
  content: string;
  published_at: number;
}): AgentVersion => ({
  agentId: row.agent_id,
  versionId: row.version_id,
  alias: `v${row.number}`,
  content: JSON.parse(row.content) as AgentVersion['content'],
  publishedAt: new Date(Number(row.published_at)).toISOString(),
});
