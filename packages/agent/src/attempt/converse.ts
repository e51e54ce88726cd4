// An agent's conversation, and those that it starts by delegating.
// C1 A sub-agent works in the caller's directory, one after the other, and within what the caller has left.
// C2 What goes wrong with it is an observation of its caller; only the end of the caller's own limits or an abort goes further.
// C3 Its MCP servers are gone when its conversation ends, whatever ended it.
import { DomainError, isDomainError, type JsonObject, type JsonValue } from '@skein/domain';
import { assembleSystem } from '../context/assemble-system.ts';
import { textField } from '../tools/input-fields.ts';
import { runToolCalls } from '../tools/run-tool-calls.ts';
import { openServerTools, type ServerTools } from '../tools/server-tools.ts';
import { toolDefinitions } from '../tools/tool-definitions.ts';
import { createModelCaller } from '../turn/call-model.ts';
import { runTurns } from '../turn/run-turns.ts';
import type { Attempt, Member } from './attempt.ts';
import { createDeadline } from './deadline.ts';
import { openSession, type Session } from './open-session.ts';

/** How deep agents may call agents. */
const maxDepth = 3;
/** What of a sub-agent's answer its caller can take in, bytes. */
const maxAnswerBytes = 256 * 1024;

/** Runs one agent to its answer. Throws the typed failure that ended it. */
export const converse = async (
  attempt: Attempt,
  member: Member,
  prompt: string,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const { deps, context, action } = attempt;
  const { session, stepLog, budget } = member;
  const servers = await openServerTools(
    {
      ...deps,
      root: context.workDir,
      readSecret: context.readSecret,
      redact: context.redact,
      stepLog,
      restarted: attempt.restarted,
    },
    session.agent.agentId,
    session.tools.servers,
    signal,
  ); // C3
  try {
    const mayPropose = action.memory.propose && session.policy.allows('remember');
    const subAgents = member.depth < maxDepth && session.policy.allows('delegate') ? subAgentsOf(session) : [];
    const bench = {
      ...deps,
      root: context.workDir,
      policy: session.policy,
      skills: session.skills,
      skillFolders: attempt.skillFolders,
      loadedSkills: new Set<string>(),
      stepLog,
      servers,
      redact: context.redact,
      ...(mayPropose ? { proposals: member.proposals } : {}),
      // A step proposes in the name of its own agent, whoever it delegated to.
      scopes: { agent: `agent/${action.agent}`, dag: `dag/${context.offer.dagName}`, global: 'global' },
      ...(subAgents.length === 0
        ? {}
        : { delegate: (input: JsonValue, inner: AbortSignal) => delegate(attempt, member, input, inner) }),
    };
    const talk = {
      model: session.model,
      system: systemOf(attempt, member, mayPropose, servers),
      prompt,
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
      ...(session.answer === undefined ? {} : { answer: session.answer }),
      budget,
      stepLog,
      readSecret: context.readSecret,
      callModel: createModelCaller({ ...deps, stepLog, leftMs: () => member.leftMs() }),
      runTools: (calls: Parameters<typeof runToolCalls>[1], inner: AbortSignal) => runToolCalls(bench, calls, inner),
    };
    return await runTurns(talk, signal);
  } finally {
    await servers.close();
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
      ['run', `${offer.run.id}, created at ${offer.run.createdAt}`],
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

/** One call of `delegate`. Throws what its caller gets to see as an error of the tool. */
const delegate = async (
  attempt: Attempt,
  caller: Member,
  input: JsonValue,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const agentId = textField(input, 'agent');
  const prompt = textField(input, 'prompt');
  const { stores, agent } = caller.session;
  const versionId = Object.hasOwn(agent.subAgents, agentId) ? agent.subAgents[agentId] : undefined;
  if (versionId === undefined) {
    throw new DomainError('not_found', `there is no agent ${JSON.stringify(agentId)}; choose one that the tool names`);
  }
  const deadline = createDeadline(attempt.deps.clock, signal);
  const stepLog = caller.stepLog.nested(agentId);
  const proposals = caller.proposals.branch();
  try {
    const session = openSession(stores, agentId, versionId, attempt.patterns);
    const limits = { ...session.limits, maxOutputBytes: Math.min(session.limits.maxOutputBytes, maxAnswerBytes) };
    deadline.set(limits.timeoutMs);
    const member: Member = {
      session,
      depth: caller.depth + 1,
      budget: caller.budget.within(limits, session.model),
      stepLog,
      proposals,
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

const report = ({ deps: { meter } }: Attempt, { budget }: Member): void => {
  const usage = budget.ownUsage();
  const labels = usage.model === undefined ? {} : { model: usage.model };
  meter.count('skein_agent_turns_total', usage.turns, labels);
  meter.count('skein_agent_tokens_total', usage.inputTokens, { ...labels, direction: 'input' });
  meter.count('skein_agent_tokens_total', usage.outputTokens, { ...labels, direction: 'output' });
};
