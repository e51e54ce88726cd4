// An agent's conversation, and those that it starts by delegating.
// C1 A sub-agent works in the caller's directory, one after the other, and within what the caller has left.
// C2 What goes wrong with it is an observation of its caller; only the end of the caller's own limits or an abort goes further.
// C3 Its MCP servers are gone when its conversation ends, whatever ended it.
import { DomainError, isDomainError, type JsonObject, type JsonValue, type VersionId } from '@skein/domain';
import { assembleSystem } from '../context/assemble-system.ts';
import { feedbackFacts } from '../context/feedback-facts.ts';
import { messagesFact } from '../context/quote-message.ts';
import { openRecordedServers } from '../playback/recorded-servers.ts';
import type { RecordedResult } from '../resume/history.ts';
import { replayAll } from '../resume/replay-calls.ts';
import { replayConversation } from '../resume/replay-conversation.ts';
import { textField } from '../tools/input-fields.ts';
import { classOf } from '../tools/perform-call.ts';
import { runToolCalls } from '../tools/run-tool-calls.ts';
import { openServerTools, type ServerTools } from '../tools/server-tools.ts';
import { toolDefinitions } from '../tools/tool-definitions.ts';
import { type AgentSpans, traceAgent } from '../turn/agent-spans.ts';
import { createModelCaller } from '../turn/call-model.ts';
import { type Conversation, runTurns } from '../turn/run-turns.ts';
import type { Attempt, Member } from './attempt.ts';
import { createDeadline } from './deadline.ts';
import type { PlacedCall } from './journal.ts';
import { type AgentAction, openSession, type Session } from './open-session.ts';

/** How deep agents may call agents. */
const maxDepth = 3;
/** What of a sub-agent's answer its caller can take in, bytes. */
const maxAnswerBytes = 256 * 1024;

/** Runs one agent to its answer. Throws the typed failure that ended it. */
export const converse = (
  attempt: Attempt,
  member: Member,
  prompt: string,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const { agent, model, versionId } = member.session;
  const traced = {
    agentId: agent.agentId,
    versionId,
    model: model.model,
    traceparent: member.traceparent,
    usage: () => member.budget.paidUsage(),
  };
  return traceAgent(attempt.deps.tracer, traced, (spans) => talkToTheEnd(attempt, member, prompt, spans, signal));
};

const talkToTheEnd = async (
  attempt: Attempt,
  member: Member,
  prompt: string,
  spans: AgentSpans | undefined,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const { deps, context, action, player } = attempt;
  const { session, stepLog, budget, journal, inbox } = member;
  let opening: Promise<ServerTools> | undefined;
  // A conversation that is recorded to its end needs none.
  const openServers = (): Promise<ServerTools> => {
    if (opening !== undefined) return opening;
    const serverDeps = {
      ...deps,
      root: context.workDir,
      readSecret: context.readSecret,
      redact: context.redact,
      stepLog,
      restarted: attempt.restarted,
    };
    const { servers } = session.tools;
    opening =
      player === undefined
        ? openServerTools(serverDeps, session.agent.agentId, servers, signal)
        : Promise.resolve(openRecordedServers(serverDeps, session.agent.agentId, servers, player, signal));
    return opening;
  };
  try {
    const mayPropose = mayRemember(action, session);
    const subAgents = member.depth < maxDepth && session.policy.allows('delegate') ? subAgentsOf(session) : [];
    const bench = {
      ...deps,
      root: context.workDir,
      policy: session.policy,
      skills: session.skills,
      skillFolders: attempt.skillFolders,
      loadedSkills: new Set<string>(),
      stepLog,
      redact: context.redact,
      effects: session.tools.effects,
      ...(mayPropose ? { proposals: member.proposals } : {}),
      scopes: scopesOf(attempt),
      ...(player === undefined ? {} : { player }),
      ...(subAgents.length === 0
        ? {}
        : {
            delegate: (turn: number, call: PlacedCall, inner: AbortSignal, traceparent?: string) =>
              delegate(attempt, member, { turn, call, traceparent }, inner),
          }),
      replayDelegate: (turn: number, call: PlacedCall, result: RecordedResult) =>
        replayDelegate(attempt, member, turn, call, result),
      ...(journal === undefined ? {} : { journal }),
      ...(inbox === undefined ? {} : { inbox }),
      ...(spans === undefined ? {} : { spans }),
      ...(member.traceparent === undefined ? {} : { traceparent: member.traceparent }),
    };
    const offer = async () => {
      const servers = await openServers();
      return {
        system: systemOf(attempt, member, mayPropose, servers),
        tools: [
          ...toolDefinitions({
            allows: (tool) => session.policy.allows(tool),
            mayPropose,
            subAgents,
            skillNames: [...session.skills.keys()],
          }),
          ...(context.redact(servers.definitions as unknown as JsonValue) as unknown as typeof servers.definitions),
          ...(session.answer === undefined ? [] : [answerTool(session.answer.toolSchema)]),
        ],
        classOf: (tool: string) => classOf({ ...bench, servers }, tool),
      };
    };
    let offered: ReturnType<typeof offer> | undefined;
    const talk: Conversation = {
      model: session.model,
      prompt,
      offer: () => (offered ??= offer()),
      ...(session.answer === undefined ? {} : { answer: session.answer }),
      budget,
      stepLog,
      readSecret: context.readSecret,
      callModel: createModelCaller({
        ...deps,
        stepLog,
        leftMs: () => member.leftMs(),
        ...(spans === undefined ? {} : { spans }),
      }),
      runTools: async (calls, inner) =>
        replayAll(bench, calls) ?? (await runToolCalls({ ...bench, servers: await openServers() }, calls, inner)),
      ...(journal === undefined ? {} : { journal }),
      ...(inbox === undefined ? {} : { inbox }),
    };
    return await runTurns(talk, signal);
  } finally {
    await opening?.then(
      (servers) => servers.close(),
      () => {},
    ); // C3
    report(attempt, member);
  }
};

const answerTool = (inputSchema: JsonObject) => ({
  name: 'output',
  description: 'Gives your answer and ends the step.',
  inputSchema,
});

const subAgentsOf = ({ stores, agent }: Session) =>
  Object.entries(agent.subAgents)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([agentId, versionId]) => ({ agentId, description: stores.agent(agentId, versionId).description }));

const mayRemember = (action: AgentAction, { policy }: Session): boolean =>
  action.memory.propose && policy.allows('remember');

/** A step proposes in the name of its own agent, whoever it delegated to. */
const scopesOf = ({ action, context }: Attempt) => ({
  agent: `agent/${action.agent}`,
  dag: `dag/${context.offer.dagName}`,
  global: 'global',
});

const systemOf = ({ context, action }: Attempt, member: Member, mayPropose: boolean, servers: ServerTools): string => {
  const { agent, stores, skills, answer } = member.session;
  const { offer } = context;
  return assembleSystem({
    agent,
    ...(agent.soul === undefined ? {} : { soul: stores.soul(agent.soul) }),
    skills: [...skills.values()].map(({ content }) => content),
    memory: action.memory.read ? memoryFor(member.session, offer.dagName) : [],
    mayPropose,
    environment: [
      ['DAG', offer.dagName],
      ['step', offer.item === undefined ? offer.stepId : `${offer.stepId}, item ${offer.item.index}`],
      ['files', 'you have a private directory; paths are relative to it; it is removed after the step'],
      ...servers.facts,
      ...(member.inbox === undefined ? [] : [messagesFact]),
      ['run', `${offer.run.id}, created at ${offer.run.createdAt}`],
      ...(member.depth === 0 ? feedbackFacts(action.prompt, offer.run.feedback) : []),
    ],
    answersByTool: answer !== undefined,
  });
};

/** A snapshot may hold memory of other steps of the run; an agent sees the global, its DAG's and its own (S4). */
const memoryFor = ({ stores, agent }: Session, dagName: string) => {
  const scopes = ['global', `dag/${dagName}`, `agent/${agent.agentId}`];
  const views = stores.memory();
  return scopes.flatMap((scope) => views.filter((view) => view.scope === scope));
};

/** A call of `delegate`, and the span below which the agent works that it calls. */
interface DelegatedCall {
  readonly turn: number;
  readonly call: PlacedCall;
  readonly traceparent: string | undefined;
}

/** One call of `delegate`. Throws what its caller gets to see as an error of the tool. */
const delegate = async (
  attempt: Attempt,
  caller: Member,
  { turn, call: { index, input }, traceparent }: DelegatedCall,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const agentId = textField(input, 'agent');
  const prompt = textField(input, 'prompt');
  const journal = caller.journal?.inner(turn, index);
  const deadline = createDeadline(attempt.deps.clock, signal);
  const versionId = subAgentVersion(caller.session, agentId);
  const stepLog = caller.stepLog.nested(agentId);
  const proposals = caller.proposals.branch();
  try {
    const session = openSession(caller.session.stores, agentId, versionId, attempt.patterns);
    const limits = { ...session.limits, maxOutputBytes: Math.min(session.limits.maxOutputBytes, maxAnswerBytes) };
    deadline.set(limits.timeoutMs);
    const member: Member = {
      session,
      depth: caller.depth + 1,
      budget: caller.budget.within(limits, session.model),
      stepLog,
      proposals,
      ...(journal === undefined ? {} : { journal }),
      ...(traceparent === undefined ? {} : { traceparent }),
      leftMs: () => Math.min(caller.leftMs(), deadline.leftMs()),
    };
    const answer = await converse(attempt, member, prompt, deadline.signal);
    proposals.keep();
    return { agent: agentId, answer };
  } catch (thrown) {
    signal.throwIfAborted();
    const error: unknown = deadline.signal.aborted ? deadline.signal.reason : thrown;
    if (!isDomainError(error)) throw error;
    stepLog.note(`failed: ${error.code}: ${error.message}`);
    throw new DomainError(error.code, `the agent ${agentId} failed: ${error.message}`, error.details, error); // C2
  } finally {
    deadline.clear();
  }
};

const subAgentVersion = ({ agent }: Session, agentId: string): VersionId => {
  const versionId = Object.hasOwn(agent.subAgents, agentId) ? agent.subAgents[agentId] : undefined;
  if (versionId !== undefined) return versionId;
  throw new DomainError('not_found', `there is no agent ${JSON.stringify(agentId)}; choose one that the tool names`);
};

/** A sub-agent whose answer is recorded: what it used and proposed counts again, and nothing of it is carried out. */
const replayDelegate = (
  attempt: Attempt,
  caller: Member,
  turn: number,
  { index, input }: PlacedCall,
  result: RecordedResult,
): void => {
  const journal = caller.journal?.inner(turn, index);
  if (journal?.recorded(1) === undefined) return;
  const agentId = textField(input, 'agent');
  const session = openSession(
    caller.session.stores,
    agentId,
    subAgentVersion(caller.session, agentId),
    attempt.patterns,
  );
  const proposals = caller.proposals.branch();
  const budget = caller.budget.within(session.limits, session.model);
  const member: Member = { ...caller, session, depth: caller.depth + 1, budget, proposals, journal };
  replayConversation(
    {
      skills: session.skills,
      skillFolders: attempt.skillFolders,
      loadedSkills: new Set<string>(),
      ...(mayRemember(attempt.action, session) ? { proposals } : {}),
      scopes: scopesOf(attempt),
      ...(attempt.player === undefined ? {} : { player: attempt.player }),
      replayDelegate: (...inner) => replayDelegate(attempt, member, ...inner),
    },
    journal,
    budget,
  );
  if (!result.isError) proposals.keep();
};

const report = ({ deps: { meter } }: Attempt, { budget }: Member): void => {
  const usage = budget.paidUsage();
  const labels = usage.model === undefined ? {} : { model: usage.model };
  meter.count('skein_agent_turns_total', usage.turns, labels);
  meter.count('skein_agent_tokens_total', usage.inputTokens, { ...labels, direction: 'input' });
  meter.count('skein_agent_tokens_total', usage.outputTokens, { ...labels, direction: 'output' });
};
