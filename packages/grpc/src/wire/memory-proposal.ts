import type { MemoryOperation, MemoryProposal } from '@skein/domain';
import { DomainError, maxProposalBytes, maxProposals, utf8Length } from '@skein/domain';
import type {
  MemoryProposal__Output,
  MemoryProposal as WireProposal,
} from '../generated/skein/worker/v1/MemoryProposal.ts';
import { bad, nameField, oneOfField } from './fields.ts';

const operations: ReadonlySet<MemoryOperation> = new Set(['append', 'replace', 'remove']);

/** The wire form of what an attempt wants remembered. */
export const encodeProposal = ({ scope, op, text, basis }: MemoryProposal): WireProposal =>
  basis === undefined ? { scope, op, text } : { scope, op, text, basis };

/** Proposals as a worker sent them. Throws `too_large` over their number or length: none is left out in silence. */
export const decodeProposals = (proposals: readonly MemoryProposal__Output[]): readonly MemoryProposal[] => {
  if (proposals.length > maxProposals) {
    throw new DomainError('too_large', 'the result holds more memory proposals than an attempt may make', {
      limit: maxProposals,
      actual: proposals.length,
    });
  }
  return proposals.map(({ scope, op, text, basis }) => ({
    scope: nameField(scope, 'result.proposals.scope'),
    op: oneOfField(op, 'result.proposals.op', operations),
    text: passage(text, 'result.proposals.text'),
    ...(basis === undefined ? {} : { basis: passage(basis, 'result.proposals.basis') }),
  }));
};

const passage = (value: unknown, field: string): string => {
  if (typeof value !== 'string') throw bad(field, 'a text');
  const actual = utf8Length(value);
  if (actual <= maxProposalBytes) return value;
  throw new DomainError('too_large', 'a memory proposal is too long', { limit: maxProposalBytes, actual });
};
