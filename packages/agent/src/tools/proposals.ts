import {
  cleanText,
  DomainError,
  type JsonObject,
  type JsonValue,
  type MemoryProposal,
  maxProposalBytes,
  maxProposals,
} from '@skein/domain';
import { optionalTextField } from './input-fields.ts';

/** The memory proposals of one agent, in order. All agents of an attempt share one limit of number. */
export interface Proposals {
  /** Throws `resource_exhausted` when the attempt has made as many as it may. */
  add(proposal: MemoryProposal): void;
  all(): readonly MemoryProposal[];
  /** Those of a sub-agent: they become the caller's only when `keep` says so. */
  branch(): Proposals & { keep(): void };
}

/** None yet. */
export const createProposals = (shared: { made: number } = { made: 0 }): Proposals => {
  const own: MemoryProposal[] = [];
  return {
    add: (proposal) => {
      if (shared.made >= maxProposals) {
        const details = { limit: 'proposals', max: maxProposals };
        throw new DomainError(
          'resource_exhausted',
          `at most ${maxProposals} proposals can be made in one step`,
          details,
        );
      }
      shared.made += 1;
      own.push(proposal);
    },
    all: () => [...own],
    branch: () => {
      const inner = createProposals(shared);
      return { ...inner, keep: () => void own.push(...inner.all()) };
    },
  };
};

/** Names of the scopes as a tool's input gives them. */
export interface ProposalScopes {
  readonly agent: string;
  readonly dag: string;
  readonly global: string;
}

/** One call of `remember`. Throws `invalid_argument`, `too_large`, `resource_exhausted`; then nothing is proposed. */
export const performRemember = (proposals: Proposals, scopes: ProposalScopes, input: JsonValue): JsonObject => {
  const proposal = readProposal(scopes, input);
  proposals.add(proposal);
  return {
    proposed: proposal.op,
    scope: proposal.scope,
    note: 'This is a proposal, not a change: it takes effect after the step, and only if it is accepted. Memory as you see it stays as it is.',
  };
};

const readProposal = (scopes: ProposalScopes, input: JsonValue): MemoryProposal => {
  const name = optionalTextField(input, 'scope') ?? 'agent';
  if (name !== 'agent' && name !== 'dag' && name !== 'global') throw wrong('"scope" is agent, dag or global');
  const op = optionalTextField(input, 'op');
  if (op !== 'append' && op !== 'replace' && op !== 'remove') throw wrong('"op" is append, replace or remove');
  const text = bounded('text', cleanText(optionalTextField(input, 'text') ?? ''));
  const basis = bounded('basis', cleanText(optionalTextField(input, 'basis') ?? ''));
  if (op !== 'remove' && text.trim() === '') throw wrong(`"text" says what to ${op}; it is empty`);
  if (op !== 'append' && basis === '') throw wrong(`"basis" is the passage to ${op}, word for word; it is empty`);
  const scope = scopes[name];
  if (op === 'append') return { scope, op, text };
  return { scope, op, text: op === 'remove' ? '' : text, basis };
};

const bounded = (field: string, text: string): string => {
  const actual = new TextEncoder().encode(text).byteLength;
  if (actual <= maxProposalBytes) return text;
  const details = { limit: maxProposalBytes, actual };
  throw new DomainError(
    'too_large',
    `"${field}" has ${actual} bytes, and at most ${maxProposalBytes} are taken`,
    details,
  );
};

const wrong = (message: string): DomainError => new DomainError('invalid_argument', message);
