import { cleanText, type StoredProposal, type TenantId } from '@skein/domain';
import type { Selectable } from 'kysely';
import { param, prepare } from '../sql/prepared.ts';
import type { MemoryProposalTable, Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

/** A row of `memory_proposal` as the value that the ports know. */
export const proposalOf = (row: Selectable<MemoryProposalTable>): StoredProposal => ({
  proposalId: row.proposal_id,
  scope: row.scope,
  op: row.op,
  text: row.text,
  ...(row.basis === null ? {} : { basis: row.basis }),
  runId: row.run_id,
  step: row.step,
  attempt: row.attempt,
  agentId: row.agent_id,
  versionId: row.version_id,
  at: Number(row.at),
  status: row.status,
  ...(row.reason === null ? {} : { reason: row.reason }),
  ...(row.revision === null ? {} : { revision: row.revision }),
});

type Row = {
  readonly [column in Exclude<keyof MemoryProposalTable, 'commit_id'>]: MemoryProposalTable[column];
};

/** The statement that stores a proposal once; one whose id is taken is left as it is. */
export const createProposalInsert = (queries: Queries): ((tenant: TenantId, proposal: StoredProposal) => Bound) => {
  const insert = prepare<Row>(
    queries
      .insertInto('memory_proposal')
      .values({
        tenant: param('tenant'),
        proposal_id: param('proposal_id'),
        scope: param('scope'),
        op: param('op'),
        text: param('text'),
        basis: param('basis'),
        run_id: param('run_id'),
        step: param('step'),
        attempt: param('attempt'),
        agent_id: param('agent_id'),
        version_id: param('version_id'),
        at: param('at'),
        status: param('status'),
        reason: param('reason'),
        revision: param('revision'),
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'proposal_id']).doNothing()),
  );
  return (tenant, proposal) =>
    insert({
      tenant,
      proposal_id: proposal.proposalId,
      scope: cleanText(proposal.scope),
      op: proposal.op,
      text: cleanText(proposal.text),
      basis: proposal.basis === undefined ? null : cleanText(proposal.basis),
      run_id: proposal.runId,
      step: proposal.step,
      attempt: proposal.attempt,
      agent_id: proposal.agentId,
      version_id: proposal.versionId,
      at: proposal.at,
      status: proposal.status,
      reason: proposal.reason === undefined ? null : cleanText(proposal.reason),
      revision: proposal.revision ?? null,
    });
};
