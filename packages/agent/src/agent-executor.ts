import {
  DomainError,
  isDomainError,
  type TaskOutcome,
  type ToolsContent,
  toErrorData,
  type Usage,
} from '@skein/domain';
import type { ExecutionContext, ExecutionResult, Log, StepExecutor } from '@skein/ports';
import type { AgentExecutorDeps, Attempt, Member } from './attempt/attempt.ts';
import { converse } from './attempt/converse.ts';
import { createDeadline } from './attempt/deadline.ts';
import { createJournal, type Journal } from './attempt/journal.ts';
import { type AgentAction, openStepSession } from './attempt/open-session.ts';
import { renderPrompt } from './context/render-prompt.ts';
import { createPlayer, type Player } from './playback/player.ts';
import type { History } from './resume/history.ts';
import { openHistory } from './resume/open-history.ts';
import { plainPatterns } from './tools/plain-patterns.ts';
import { createProposals } from './tools/proposals.ts';
import { grantableTools } from './tools/tool-definitions.ts';
import { type Budget, createBudget } from './turn/budget.ts';
import { createInbox } from './turn/inbox.ts';
import { stackOf } from './turn/stack-of.ts';
import { createStepLog } from './turn/step-log.ts';

/**
 * Runs agent steps, only from the stores of a verified snapshot (S1). Usage, that of sub-agents included, is in the result also when
 * the step fails; memory proposals are given back by succeeded attempts only, since another attempt would propose them again.
 */
export const createAgentExecutor = (deps: AgentExecutorDeps): StepExecutor => ({
  kinds: ['agent'],
  execute: (context, signal) => executeAgent(deps, context, signal),
});

const executeAgent = async (
  deps: AgentExecutorDeps,
  context: ExecutionContext,
  signal: AbortSignal,
): Promise<ExecutionResult> => {
  const deadline = createDeadline(deps.clock, signal);
  const stepLog = createStepLog(context.sink, context.redact);
  let budget: Budget | undefined;
  let journal: Journal | undefined;
  let player: Player | undefined;
  let hasStarted = false;
  try {
    signal.throwIfAborted();
    const action = agentAction(context);
    const patterns = deps.patterns ?? plainPatterns;
    const session = openStepSession(context, action, patterns);
    warnOfUnknownTools(deps.log, session.agent.agentId, session.tools);
    deadline.set(session.limits.timeoutMs);
    budget = createBudget(session.limits, session.model);
    const history = await openHistory(context, stepLog, deadline.signal);
    const { checkpoints, mailbox } = context;
    if (checkpoints !== undefined)
      journal = createJournal({ context, checkpoints, history, log: deps.log, signal: deadline.signal });
    const prompt = await promptOf(deps, context, action, history);
    const proposals = createProposals();
    player = context.playback === undefined ? undefined : createPlayer(context.playback);
    const attempt: Attempt = {
      deps,
      context,
      action,
      patterns,
      skillFolders: new Map(),
      restarted: new Set(),
      ...(player === undefined ? {} : { player }),
    };
    const member: Member = {
      session,
      depth: 0,
      budget,
      stepLog,
      proposals,
      ...(journal === undefined ? {} : { journal }),
      ...(context.offer.traceparent === undefined ? {} : { traceparent: context.offer.traceparent }),
      ...(mailbox === undefined ? {} : { inbox: createInbox(mailbox, history, checkpoints !== undefined) }),
      leftMs: () => deadline.leftMs(),
    };
    hasStarted = true;
    context.sink.started();
    const outputs = await converse(attempt, member, prompt, deadline.signal);
    // What is tried out leaves nothing behind.
    const proposed = player === undefined ? proposals.all() : [];
    return {
      outcome: { status: 'succeeded' },
      outputs,
      usage: usageOf(budget, player),
      ...(proposed.length === 0 ? {} : { proposals: proposed }),
    };
  } catch (thrown) {
    // Nothing was done and nothing recorded is lost: another attempt goes on from the same point.
    if (!hasStarted && !deadline.signal.aborted && isAway(thrown)) {
      return { outcome: { status: 'released', error: toErrorData(thrown) }, outputs: {} };
    }
    const outcome = outcomeOf(thrown, signal, deadline.signal);
    if (outcome.status === 'failed') {
      stepLog.note(`failed: ${outcome.error.code}: ${outcome.error.message}`);
      if (outcome.error.code === 'internal')
        deps.log.error('agent step broke', { cause: context.redact(stackOf(thrown)) });
    }
    return { outcome, outputs: {}, ...(budget === undefined ? {} : { usage: usageOf(budget, player) }) };
  } finally {
    // Handed over before the result is: what is on the stream first is recorded first. Nothing depends on the answer any more.
    journal?.flush().catch(() => {});
    deadline.clear();
  }
};

/** With a playback, how often it had no answer too. */
const usageOf = (budget: Budget, player: Player | undefined): Usage =>
  player === undefined ? budget.usage() : { ...budget.usage(), divergedCalls: player.diverged };

/** What the attempt goes on from cannot be had at the moment. */
const isAway = (thrown: unknown): boolean =>
  isDomainError(thrown) && (thrown.code === 'unavailable' || thrown.code === 'deadline_exceeded');

const outcomeOf = (thrown: unknown, outer: AbortSignal, inner: AbortSignal): TaskOutcome => {
  if (outer.aborted) {
    const reason: unknown = outer.reason;
    return isDomainError(reason) && reason.code === 'deadline_exceeded'
      ? { status: 'failed', error: toErrorData(reason) }
      : { status: 'cancelled' };
  }
  // Past the deadline, whatever broke did so because of it.
  return { status: 'failed', error: toErrorData(inner.aborted ? inner.reason : thrown) };
};

const agentAction = ({ offer }: ExecutionContext): AgentAction => {
  const { action } = offer.definition;
  if (action.kind !== 'agent') throw new DomainError('unimplemented', `the agent executor cannot run ${action.kind}`);
  return action;
};

const promptOf = (
  { toolHost }: AgentExecutorDeps,
  { offer, inputs, workDir }: ExecutionContext,
  action: AgentAction,
  history: History,
): Promise<string> =>
  renderPrompt(action.prompt, offer.definition, inputs, async (index, text, isJson) => {
    const path = `inputs/${index}.${isJson ? 'json' : 'txt'}`;
    // They are part of a tree that was restored.
    if (history.tree === undefined) await toolHost.writeFile(workDir, path, new TextEncoder().encode(text), 0o644);
    return path;
  });

const warnOfUnknownTools = (log: Log, agentId: string, tools: ToolsContent): void => {
  const known: readonly string[] = [...grantableTools, 'load_skill', 'output'];
  const unknown = tools.allow.filter((tool) => !known.includes(tool));
  if (unknown.length > 0) log.warn('agent allows tools that do not exist here', { agentId, tools: unknown });
};
