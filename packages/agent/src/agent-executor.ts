import {
  type AgentContent,
  type AgentLimits,
  DomainError,
  defaultAgentLimits,
  isDomainError,
  type SkillContent,
  type StepAction,
  type TaskOutcome,
  type ToolsContent,
  toErrorData,
} from '@skein/domain';
import type {
  AgentStores,
  Clock,
  ExecutionContext,
  ExecutionResult,
  Log,
  Meter,
  Model,
  Random,
  StepExecutor,
  TextPatterns,
  ToolHost,
} from '@skein/ports';
import { assembleSystem } from './context/assemble-system.ts';
import { renderPrompt } from './context/render-prompt.ts';
import { plainPatterns } from './tools/plain-patterns.ts';
import { runToolCalls } from './tools/run-tool-calls.ts';
import { grantableTools, toolDefinitions } from './tools/tool-definitions.ts';
import { compilePolicy } from './tools/tool-policy.ts';
import { compileAnswerSchema } from './turn/answer-schema.ts';
import { type Budget, createBudget, limitReached } from './turn/budget.ts';
import { createModelCaller } from './turn/call-model.ts';
import { type Conversation, runTurns } from './turn/run-turns.ts';
import { createStepLog, type StepLog } from './turn/step-log.ts';

/** What the agent executor needs. */
export interface AgentExecutorDeps {
  readonly model: Model;
  readonly toolHost: ToolHost;
  readonly clock: Clock;
  /** Spreads retries; without it they are not spread. */
  readonly random?: Random;
  /** For the patterns of tool policies and output schemas; without it a pattern may search for ever. */
  readonly patterns?: TextPatterns;
  readonly log: Log;
  readonly meter: Meter;
}

/** Runs agent steps, only from the stores of a verified snapshot (S1). Usage is in the result also when the step fails. */
export const createAgentExecutor = (deps: AgentExecutorDeps): StepExecutor => ({
  kinds: ['agent'],
  execute: (context, signal) => executeAgent(deps, context, signal),
});

type AgentAction = Extract<StepAction, { kind: 'agent' }>;

const executeAgent = async (
  deps: AgentExecutorDeps,
  context: ExecutionContext,
  signal: AbortSignal,
): Promise<ExecutionResult> => {
  const deadline = createDeadline(deps.clock, signal);
  const stepLog = createStepLog(context.sink);
  let budget: Budget | undefined;
  try {
    signal.throwIfAborted();
    const session = openSession(context);
    const { limits } = session;
    if (limits.timeoutMs !== undefined) deadline.set(limits.timeoutMs);
    budget = createBudget(limits, session.model);
    const talk = await prepare(deps, context, session, budget, stepLog, deadline);
    const outputs = await runTurns(talk, deadline.signal);
    return { outcome: { status: 'succeeded' }, outputs, usage: budget.usage() };
  } catch (thrown) {
    const outcome = outcomeOf(thrown, signal, deadline.signal);
    if (outcome.status === 'failed') {
      stepLog.note(`failed: ${outcome.error.code}: ${outcome.error.message}`);
      if (outcome.error.code === 'internal') deps.log.error('agent step broke', { cause: thrown });
    }
    return { outcome, outputs: {}, ...(budget === undefined ? {} : { usage: budget.usage() }) };
  } finally {
    deadline.clear();
    if (budget !== undefined) report(deps.meter, budget);
  }
};

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

/** The wall-time limit over the caller's own abort. */
interface Deadline {
  readonly signal: AbortSignal;
  set(timeoutMs: number): void;
  leftMs(): number;
  clear(): void;
}

const createDeadline = (clock: Clock, outer: AbortSignal): Deadline => {
  const controller = new AbortController();
  const forward = () => controller.abort(outer.reason);
  if (outer.aborted) forward();
  else outer.addEventListener('abort', forward, { once: true });
  let endsAt = Number.POSITIVE_INFINITY;
  let disarm = () => {};
  return {
    signal: controller.signal,
    set: (timeoutMs) => {
      endsAt = clock.monotonicMs() + timeoutMs;
      disarm = clock.after(timeoutMs, () => controller.abort(limitReached('wall_time', timeoutMs)));
    },
    leftMs: () => endsAt - clock.monotonicMs(),
    clear: () => {
      disarm();
      outer.removeEventListener('abort', forward);
    },
  };
};

interface Session {
  readonly action: AgentAction;
  readonly stores: AgentStores;
  readonly agent: AgentContent;
  readonly model: ReturnType<AgentStores['model']>;
  readonly limits: AgentLimits;
  readonly skills: ReadonlyMap<string, SkillContent>;
  readonly tools: ToolsContent;
}

/** The agent version that the run pinned, with its parts, from the snapshot and from nowhere else. */
const openSession = ({ offer, stores }: ExecutionContext): Session => {
  const { action } = offer.definition;
  if (action.kind !== 'agent') throw new DomainError('unimplemented', `the agent executor cannot run ${action.kind}`);
  if (stores === undefined) {
    throw new DomainError('snapshot_invalid', 'an agent step needs a snapshot', { reason: 'missing_snapshot' });
  }
  const versionId = Object.hasOwn(offer.agents, action.agent) ? offer.agents[action.agent] : undefined;
  if (versionId === undefined) throw new DomainError('not_found', `the run has no version of agent ${action.agent}`);
  const agent = stores.agent(action.agent, versionId);
  const names = Object.keys(agent.skills).toSorted();
  const skills = new Map(names.map((name) => [name, stores.skill(agent.skills[name] as string)]));
  const limits = { ...defaultAgentLimits, ...agent.limits, ...action.limits };
  return { action, stores, agent, model: stores.model(agent.model), limits, skills, tools: stores.tools(agent.tools) };
};

const prepare = async (
  deps: AgentExecutorDeps,
  context: ExecutionContext,
  session: Session,
  budget: Budget,
  stepLog: StepLog,
  deadline: Deadline,
): Promise<Conversation> => {
  const { action, stores, agent, model, skills, tools } = session;
  const { offer, inputs, workDir: root } = context;
  const schema = action.outputSchema ?? agent.outputSchema;
  const patterns = deps.patterns ?? plainPatterns;
  const answer = schema === undefined ? undefined : compileAnswerSchema(schema, patterns);
  const policy = compilePolicy(tools, patterns);
  warnOfUnknownTools(deps.log, agent.agentId, tools);
  const system = assembleSystem({
    agent,
    ...(agent.soul === undefined ? {} : { soul: stores.soul(agent.soul) }),
    skills: [...skills.values()],
    memory: action.memory.read ? memoryFor(stores, offer.dagName, action.agent) : [],
    environment: environmentFacts(context),
    answersByTool: answer !== undefined,
  });
  const prompt = await renderPrompt(action.prompt, offer.definition, inputs, async (index, text, isJson) => {
    const path = `inputs/${index}.${isJson ? 'json' : 'txt'}`;
    await deps.toolHost.writeFile(root, path, new TextEncoder().encode(text), 0o644);
    return path;
  });
  context.sink.started();
  const bench = { toolHost: deps.toolHost, root, policy, skills, log: deps.log, meter: deps.meter, stepLog };
  return {
    model,
    system,
    prompt,
    tools: toolDefinitions((tool) => policy.allows(tool), [...skills.keys()], answer?.toolSchema),
    ...(answer === undefined ? {} : { answer }),
    budget,
    stepLog,
    callModel: createModelCaller({ ...deps, stepLog, leftMs: () => deadline.leftMs() }),
    runTools: (calls, signal) => runToolCalls(bench, calls, signal),
  };
};

/** A snapshot may hold memory of other steps of the run; this step sees the global, its DAG's and its agent's own (S4). */
const memoryFor = (stores: AgentStores, dagName: string, agentId: string) => {
  const scopes = ['global', `dag/${dagName}`, `agent/${agentId}`];
  const views = stores.memory();
  return scopes.flatMap((scope) => views.filter((view) => view.scope === scope));
};

const environmentFacts = ({ offer }: ExecutionContext): readonly (readonly [string, string])[] => [
  ['DAG', offer.dagName],
  ['step', offer.item === undefined ? offer.stepId : `${offer.stepId}, item ${offer.item.index}`],
  ['files', 'you have a private directory; paths are relative to it; it is removed after the step'],
  ['run', `${offer.run.id}, created at ${offer.run.createdAt}`],
];

const warnOfUnknownTools = (log: Log, agentId: string, tools: ToolsContent): void => {
  const known: readonly string[] = [...grantableTools, 'load_skill', 'output'];
  const unknown = tools.allow.filter((tool) => !known.includes(tool));
  if (unknown.length > 0) log.warn('agent allows tools that do not exist here', { agentId, tools: unknown });
};

const report = (meter: Meter, budget: Budget): void => {
  const usage = budget.usage();
  const labels = usage.model === undefined ? {} : { model: usage.model };
  meter.count('skein_agent_turns_total', usage.turns, labels);
  meter.count('skein_agent_tokens_total', usage.inputTokens, { ...labels, direction: 'input' });
  meter.count('skein_agent_tokens_total', usage.outputTokens, { ...labels, direction: 'output' });
};
