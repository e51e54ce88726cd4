import type { AgentVersion, Dag, Digest, Manifest, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Publication, PublicationResult } from '@skein/ports';
import type { ApplyProject, ApplyResult, ScheduleView } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { forgetAdmissions } from '../submit/prepare-admission.ts';
import { agentsToActivate } from './agents-to-activate.ts';

const published = (engine: Engine, tenant: TenantId): void => {
  engine.dags.published(tenant);
  forgetAdmissions(engine, tenant);
};

/** What the publication would do, found without doing it. */
const preview = async (engine: Engine, publication: Publication): Promise<PublicationResult> => {
  const { projects } = engine.deps;
  const { tenant } = publication;
  const agents = await Promise.all(
    publication.agents.map(async ({ versionId, content: { agentId } }) => {
      const versions = await projects.listVersions(tenant, agentId);
      const known = versions.find((version) => version.versionId === versionId);
      const alias = known?.alias ?? `v${versions.length + 1}`;
      return {
        agentId,
        versionId,
        alias,
        created: known === undefined,
        activated: publication.activate.includes(agentId),
        candidate: publication.candidates.includes(agentId),
      };
    }),
  );
  const dags = await Promise.all(
    publication.dags.map(async ({ name, digest }) => {
      const known = await projects.findDag(tenant, name);
      const change = known === undefined ? 'created' : known.digest === digest ? 'unchanged' : 'updated';
      return { name, digest, change } as const;
    }),
  );
  const scopes = publication.memory.map(({ scope }) => scope);
  const existing = new Set((await projects.readMemory(tenant, scopes)).map(({ scope }) => scope));
  return { agents, dags, memory: scopes.map((scope) => ({ scope, seeded: !existing.has(scope) })) };
};

/** Publishes a project in one transaction, or says what that would do. See `Coordinator.applyProject`. */
export const applyProject = async (engine: Engine, tenant: TenantId, apply: ApplyProject): Promise<ApplyResult> => {
  const read = engine.deps.projectReader.read(apply.files, apply.autoModel);
  if (!read.ok) {
    const count = read.error.length;
    const first = read.error[0]?.message ?? 'unknown';
    const message = count === 1 ? first : `${count} problems in the project; first: ${first}`;
    throw new DomainError('invalid_argument', message, { problems: read.error });
  }
  const { dags, subDags, parts, agents, memory, warnings } = read.value;
  const publication: Publication = {
    tenant,
    dags,
    parts,
    agents,
    activate: await agentsToActivate(engine.deps.projects, tenant, agents, apply.activate),
    candidates: apply.candidate === true ? agents.map(({ content }) => content.agentId) : [],
    subDags,
    memory,
    at: engine.deps.clock.now(),
  };
  if (apply.dryRun) return { ...(await preview(engine, publication)), dryRun: true, warnings };
  const result = await engine.deps.projects.publish(publication);
  published(engine, tenant);
  return { ...result, dryRun: false, warnings };
};

/** Every current DAG of a tenant. */
export const listDags = async (
  engine: Engine,
  tenant: TenantId,
): Promise<
  readonly { readonly name: string; readonly digest: Digest; readonly description?: string; readonly steps: number }[]
> =>
  (await engine.deps.projects.listDags(tenant)).map(({ name, digest, dag }) => ({
    name,
    digest,
    ...(dag.description === undefined ? {} : { description: dag.description }),
    steps: dag.steps.length,
  }));

/** Throws `not_found`. */
export const getDag = async (
  engine: Engine,
  tenant: TenantId,
  name: string,
): Promise<{ readonly name: string; readonly digest: Digest; readonly dag: Dag; readonly source?: string }> => {
  const stored = await engine.deps.projects.findDag(tenant, name);
  if (stored === undefined) throw new DomainError('not_found', `there is no DAG ${name}`, { dag: name });
  return stored;
};

/** The schedules of every current DAG. */
export const listSchedules = async (engine: Engine, tenant: TenantId): Promise<readonly ScheduleView[]> =>
  (await engine.deps.projects.listDags(tenant)).flatMap(({ name, digest, dag }) =>
    dag.schedule.map(({ id, cron, timeZone }) => ({ dag: name, dagDigest: digest, scheduleId: id, cron, timeZone })),
  );

/** Makes a published version (by id or alias) the active one. Throws `not_found`. */
export const activateVersion = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  version: string,
): Promise<AgentVersion> => {
  const found = await engine.deps.projects.findVersion(tenant, agentId, version);
  if (found === undefined)
    throw new DomainError('not_found', `the agent ${agentId} has no version ${version}`, { agentId, version });
  await engine.deps.projects.activate(tenant, agentId, found.versionId);
  published(engine, tenant);
  return found;
};

/** The manifest of a sealed snapshot and the size of its whole envelope. Throws `not_found`. */
export const inspectSnapshot = async (
  engine: Engine,
  tenant: TenantId,
  digest: Digest,
): Promise<{ readonly digest: Digest; readonly manifest: Manifest; readonly bytes: number }> => {
  if ((await engine.deps.snapshots.find(tenant, digest)) === undefined) {
    throw new DomainError('not_found', `there is no snapshot ${digest}`, { digest });
  }
  const sealed = await engine.sealed.load(tenant, digest);
  return { digest, manifest: sealed.manifest, bytes: engine.sealed.envelope(sealed, []).byteLength };
};

/** The whole snapshot as a file; the bytes are the caller's own. Throws `not_found`. */
export const exportSnapshot = async (engine: Engine, tenant: TenantId, digest: Digest): Promise<Uint8Array> => {
  if ((await engine.deps.snapshots.find(tenant, digest)) === undefined) {
    throw new DomainError('not_found', `there is no snapshot ${digest}`, { digest });
  }
  return engine.sealed.envelope(await engine.sealed.load(tenant, digest), []).slice();
};
