import type { Publication, PublicationResult } from '@skein/ports';
import { seededBy, seedHistory, seedMemory } from '../memory/seed-statements.ts';
import { activationGuards } from '../rollout/activation-guards.ts';
import { projectLock, rolloutLock, scopeLock } from '../sql/locks.ts';
import type { Queries } from '../sql/schema.ts';
import type { UnitOutcome, Write, WriteUnit } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';
import { clearCandidate, findCandidate, nameCandidate } from './candidate-statements.ts';
import {
  activatedBy,
  currentDigest,
  insertVersion,
  keepDag,
  makeCurrent,
  numberOfVersion,
  raiseRevision,
  sayOfAgent,
  upsertDag,
} from './publish-statements.ts';

type Results = readonly (readonly SqlRow[] | number)[];

/** A publication as one unit, and how to read what it did; that throws `version_conflict` (I6). `commitId` is unique for ever. */
export const createPublishUnit = (
  queries: Queries,
  publication: Publication,
  commitId: string,
): { readonly unit: WriteUnit; readonly resultOf: (outcome: UnitOutcome) => PublicationResult } => {
  const { tenant, at, endsRollouts = [], settings = [] } = publication;
  const activated = publication.agents.filter(({ content }) => publication.activate.includes(content.agentId));
  const active = activated.map(({ versionId, content }) => ({ agentId: content.agentId, versionId }));
  const { guards, refuse, ...ends } = activationGuards(queries, tenant, active, endsRollouts, commitId);
  const writes: Write[] = [...ends.writes];
  /** Adds a statement; answers where its result will be. */
  const add = (write: Write): number => writes.push(write) - 1;
  const agents = publication.agents.map((agent) => {
    const { versionId, content } = agent;
    const { agentId } = content;
    const created = add(insertVersion(queries, tenant, agent, at));
    const number = add({ ...numberOfVersion(queries, tenant, agentId, versionId), answers: 'rows' });
    const active = publication.activate.includes(agentId);
    const activated = active
      ? add({ ...activatedBy(queries, tenant, agentId, versionId, commitId), answers: 'rows' })
      : undefined;
    if (active) add(clearCandidate(queries, tenant, agentId, versionId));
    const wanted = publication.candidates.includes(agentId);
    if (wanted) add(nameCandidate(queries, tenant, agentId, versionId));
    const candidate = add({ ...findCandidate(queries, tenant, agentId, versionId), answers: 'rows' });
    return (results: Results) => ({
      agentId,
      versionId,
      alias: `v${Number(rowOf(results, number)?.['number'])}`,
      created: changed(results, created),
      activated: activated !== undefined && rowOf(results, activated) !== undefined,
      candidate: wanted && rowOf(results, candidate) !== undefined,
    });
  });
  for (const dag of publication.subDags) add(keepDag(queries, tenant, dag));
  const dags = publication.dags.map((dag) => {
    const before = add({ ...currentDigest(queries, tenant, dag.name), answers: 'rows' });
    add(upsertDag(queries, tenant, dag));
    add(makeCurrent(queries, tenant, dag));
    return (results: Results) => {
      const digest = rowOf(results, before)?.['digest'];
      const change = digest === undefined ? 'created' : digest === dag.digest ? 'unchanged' : 'updated';
      return { name: dag.name, digest: dag.digest, change } as const;
    };
  });
  const memory = publication.memory.map((seed) => {
    const { scope } = seed;
    add(seedMemory(queries, tenant, seed, commitId));
    add(seedHistory(queries, tenant, scope, at, commitId));
    const seeded = add({ ...seededBy(queries, tenant, scope, commitId), answers: 'rows' });
    return (results: Results) => ({ scope, seeded: rowOf(results, seeded) !== undefined });
  });
  for (const one of settings) add(sayOfAgent(queries, tenant, one));
  add(raiseRevision(queries, tenant));
  return {
    unit: {
      key: tenant,
      locks: [
        projectLock(tenant, 'exclusive'),
        ...endsRollouts.map(({ record }) => rolloutLock(tenant, record.id)),
        ...publication.memory.map(({ scope }) => scopeLock(tenant, scope)),
      ],
      guards,
      writes,
      wantsResults: true,
    },
    resultOf: (outcome) => {
      if (outcome.status !== 'done') return refuse(outcome.guard, outcome.rows);
      const { results } = outcome;
      return {
        agents: agents.map((read) => read(results)),
        dags: dags.map((read) => read(results)),
        memory: memory.map((read) => read(results)),
      };
    },
  };
};

const rowOf = (results: Results, index: number): SqlRow | undefined => {
  const result = results[index];
  return typeof result === 'object' ? result[0] : undefined;
};

const changed = (results: Results, index: number): boolean => Number(results[index]) > 0;
