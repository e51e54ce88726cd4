import type { MemoryProposal, RunCommand, RunFact, RunState, StoredProposal, TaskResult } from '@skein/domain';
import { maxProposalBytes, maxProposals, parseStepPath, utf8Length, versionsOfStep } from '@skein/domain';

type Finish = Extract<RunCommand, { readonly type: 'finish' }>;

const agentOf = (
  state: RunState,
  path: string,
): { readonly agentId: string; readonly propose: boolean } | undefined => {
  const action = state.graph.byId.get(parseStepPath(path)?.stepId ?? path)?.action;
  return action?.kind === 'agent' ? { agentId: action.agent, propose: action.memory.propose } : undefined;
};

const isSized = ({ op, text, basis = '' }: MemoryProposal): boolean =>
  utf8Length(text) <= maxProposalBytes &&
  utf8Length(basis) <= maxProposalBytes &&
  (op === 'append' ? basis === '' : basis !== '');

/** What a step may propose: for its agent's own memory, its DAG's and the global one, if it opted in. */
const admissible = (state: RunState, result: TaskResult): readonly MemoryProposal[] => {
  const agent = agentOf(state, result.step);
  // What is tried out leaves nothing behind.
  if (state.source.kind === 'evaluation') return [];
  if (agent?.propose !== true || result.proposals === undefined) return [];
  const scopes = new Set(['global', `dag/${state.dag.name}`, `agent/${agent.agentId}`]);
  return result.proposals.filter((one) => scopes.has(one.scope) && isSized(one)).slice(0, maxProposals);
};

/** The result with those of its proposals that the step may make, whatever its worker says. */
export const withAdmissibleProposals = (state: RunState, command: Finish): Finish => {
  const { proposals, ...result } = command.result;
  if (proposals === undefined) return command;
  const kept = admissible(state, command.result);
  return { ...command, result: kept.length === 0 ? result : { ...result, proposals: kept } };
};

/** The rollout that has a say in what the run does; undefined for a run that none of them routed. */
const rolloutOf = ({ agents }: Pick<RunState, 'agents'>): string | undefined =>
  Object.values(agents).find(
    ({ source, arm = 0 }) => source === 'segments' || (arm > 0 && (source === 'forced' || source === 'retry')),
  )?.rolloutId;

/** The proposals of a result that these facts record, as they are stored; none for a repetition. */
export const storedProposals = (
  state: RunState,
  facts: readonly RunFact[],
  { step, proposals = [] }: TaskResult,
): readonly StoredProposal[] => {
  const fact = facts.find((one) => one.type === 'step_finished');
  const agent = agentOf(state, step);
  const decision = agent === undefined ? undefined : versionsOfStep(state, step).agents[agent.agentId];
  if (fact?.type !== 'step_finished' || agent === undefined || decision === undefined) return [];
  const { at, attempt } = fact;
  const rolloutId = rolloutOf(versionsOfStep(state, step));
  const own = `agent/${agent.agentId}`;
  return proposals.map((proposal, index) => ({
    ...proposal,
    // What an arm learns of its own agent stays in its copy, and what it would have others know is for a person to say (I9).
    ...(decision.memory !== undefined && proposal.scope === own ? { scope: decision.memory } : {}),
    ...(rolloutId !== undefined && proposal.scope !== own
      ? { reason: `its run is part of the rollout ${rolloutId}` }
      : {}),
    // Two digits, so that ids of one attempt sort as it made them.
    proposalId: `${state.runId}:${step}:${attempt}:${String(index).padStart(2, '0')}`,
    runId: state.runId,
    step,
    attempt,
    agentId: agent.agentId,
    versionId: decision.versionId,
    at,
    status: 'pending',
  }));
};
