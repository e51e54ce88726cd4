import type { AgentSettings, TenantId } from '@skein/domain';
import type { Publication, StoredDag } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

/** Caches see a project that changed. */
export const raiseRevision = (queries: Queries, tenant: TenantId): Bound =>
  bound(
    queries
      .insertInto('project')
      .values({ tenant, revision: 1 })
      .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ revision: sql<number>`project.revision + 1` })),
  );

/** Changes a row exactly when the content is new; its number is the next free one of the agent. */
export const insertVersion = (
  queries: Queries,
  tenant: TenantId,
  { versionId, content }: Publication['agents'][number],
  at: number,
): Bound =>
  bound(
    queries
      .insertInto('agent_version')
      .columns(['tenant', 'agent_id', 'number', 'version_id', 'content', 'published_at'])
      .expression((eb) =>
        eb
          .selectFrom('agent_version')
          .select([
            sql<string>`${tenant}`.as('tenant'),
            sql<string>`${content.agentId}`.as('agent_id'),
            sql<number>`coalesce(max(number), 0) + 1`.as('number'),
            sql<string>`${versionId}`.as('version_id'),
            sql<string>`${JSON.stringify(content)}`.as('content'),
            sql<number>`${at}`.as('published_at'),
          ])
          .where('tenant', '=', tenant)
          .where('agent_id', '=', content.agentId),
      )
      .onConflict((conflict) => conflict.columns(['tenant', 'agent_id', 'version_id']).doNothing()),
  );

/** The number under which a version is stored. */
export const numberOfVersion = (queries: Queries, tenant: TenantId, agentId: string, versionId: string): Bound =>
  bound(
    queries
      .selectFrom('agent_version')
      .select('number')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .where('version_id', '=', versionId),
  );

/** Changes a row exactly when another version was active, or none. */
export const activateVersion = (
  queries: Queries,
  tenant: TenantId,
  agentId: string,
  versionId: string,
  commitId: string,
): Bound =>
  bound(
    queries
      .insertInto('agent_active')
      .values({ tenant, agent_id: agentId, version_id: versionId, commit_id: commitId })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'agent_id'])
          .doUpdateSet((eb) => ({ version_id: eb.ref('excluded.version_id'), commit_id: eb.ref('excluded.commit_id') }))
          .whereRef('agent_active.version_id', '<>', 'excluded.version_id'),
      ),
  );

/** A row when this commit made the version active. */
export const activatedBy = (
  queries: Queries,
  tenant: TenantId,
  agentId: string,
  versionId: string,
  commitId: string,
): Bound =>
  bound(
    queries
      .selectFrom('agent_active')
      .select('agent_id')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .where('version_id', '=', versionId)
      .where('commit_id', '=', commitId),
  );

/** What is said of an agent beside its versions; the newest word holds. */
export const sayOfAgent = (queries: Queries, tenant: TenantId, settings: AgentSettings): Bound =>
  bound(
    queries
      .insertInto('agent_settings')
      .values({ tenant, agent_id: settings.agentId, settings: JSON.stringify(settings) })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'agent_id']).doUpdateSet((eb) => ({ settings: eb.ref('excluded.settings') })),
      ),
  );

/** The digest that is current under a name. */
export const currentDigest = (queries: Queries, tenant: TenantId, name: string): Bound =>
  bound(queries.selectFrom('dag_current').select('digest').where('tenant', '=', tenant).where('name', '=', name));

/** Keeps the DAG; the author's text may be newer than the digest, which covers only its meaning. */
export const upsertDag = (queries: Queries, tenant: TenantId, { digest, name, dag, source }: StoredDag): Bound =>
  bound(
    queries
      .insertInto('dag')
      .values({ tenant, digest, name, dag: JSON.stringify(dag), source: source ?? null })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'digest']).doUpdateSet((eb) => ({ source: eb.ref('excluded.source') })),
      ),
  );

/** Keeps a DAG that is current under no name, at least not by this; one that is there keeps its text. */
export const keepDag = (queries: Queries, tenant: TenantId, { digest, name, dag, source }: StoredDag): Bound =>
  bound(
    queries
      .insertInto('dag')
      .values({ tenant, digest, name, dag: JSON.stringify(dag), source: source ?? null })
      .onConflict((conflict) => conflict.columns(['tenant', 'digest']).doNothing()),
  );

/** Makes the DAG current under its name. */
export const makeCurrent = (queries: Queries, tenant: TenantId, { digest, name }: StoredDag): Bound =>
  bound(
    queries
      .insertInto('dag_current')
      .values({ tenant, name, digest })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'name']).doUpdateSet((eb) => ({ digest: eb.ref('excluded.digest') })),
      ),
  );
