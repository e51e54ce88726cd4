// J2 Nothing that is not read-only begins before its turn, and the results before it, are durable.
import {
  DomainError,
  isDomainError,
  type JsonObject,
  type JsonValue,
  type ToolCallClass,
  type ToolsContent,
} from '@skein/domain';
import type { BashResult, Clock, Log, Meter, ServerToolResult, ToolCall, ToolHost } from '@skein/ports';
import type { DoneCall, Journal, PlacedCall } from '../attempt/journal.ts';
import type { HeldSkill } from '../attempt/open-session.ts';
import type { RecordedResult } from '../resume/history.ts';
import { type ReplayPlaces, replayCall } from '../resume/replay-calls.ts';
import { settleUnknown } from '../resume/settle-unknown.ts';
import { cleanJson, isDeeperThan } from '../turn/clean-json.ts';
import type { Inbox } from '../turn/inbox.ts';
import type { StepLog } from '../turn/step-log.ts';
import { textField } from './input-fields.ts';
import { jailedPath } from './jailed-path.ts';
import { loadSkill, type SkillPlaces } from './load-skill.ts';
import { patchFile } from './patch-file.ts';
import { type ProposalScopes, type Proposals, performRemember } from './proposals.ts';
import type { ServerTools } from './server-tools.ts';
import { toolClassOf } from './tool-class.ts';
import type { CompiledPolicy } from './tool-policy.ts';

/** What the tools of one agent work with. */
export interface ToolBench extends SkillPlaces, ReplayPlaces {
  readonly toolHost: ToolHost;
  /** The private directory. */
  readonly root: string;
  readonly policy: CompiledPolicy;
  readonly skills: ReadonlyMap<string, HeldSkill>;
  readonly servers: ServerTools;
  /** Present exactly when the agent may propose. */
  readonly proposals?: Proposals;
  readonly scopes: ProposalScopes;
  /** Present exactly when the agent may delegate. */
  readonly delegate?: (turn: number, call: PlacedCall, signal: AbortSignal) => Promise<JsonObject>;
  /** What is declared of the effects of tools. */
  readonly effects: ToolsContent['effects'];
  /** Present exactly when the attempt is recorded. */
  readonly journal?: Journal;
  /** Present exactly when the agent can be sent messages. */
  readonly inbox?: Inbox;
  /** See `ExecutionContext.redact`: what the model gets to see goes to its provider. */
  readonly redact: (value: JsonValue) => JsonValue;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly stepLog: StepLog;
}

/** What the model is told about one call. A refusal or failure is an observation, not the end of the step. */
export interface ToolResult {
  readonly callId: string;
  readonly tool: string;
  readonly output: JsonValue;
  readonly isError: boolean;
}

/** The calls of one turn, at their places, and which of them an attempt before this one has a result of. */
export interface TurnCalls {
  readonly turn: number;
  readonly calls: readonly PlacedCall[];
  readonly recorded?: ReadonlyMap<number, RecordedResult>;
}

const maxReadBytes = 256 * 1024;
/** What of a command's output the model gets to see. */
export const maxBashOutputBytes = 64 * 1024;
const bashTimeoutMs = 120_000;
/** Read beyond these: a secret that lies across a limit is found before the text is cut there. */
const cutMarginBytes = 16 * 1024;

/**
 * Calls that only read run together; each other call runs alone, in the model's order. Results keep that order. A call with a recorded
 * result is not carried out again; the first without one may have been, by an attempt that is gone, and is settled first.
 */
export const runToolCalls = async (
  bench: ToolBench,
  { turn, calls, recorded }: TurnCalls,
  signal: AbortSignal,
): Promise<readonly ToolResult[]> => {
  const { journal } = bench;
  const results: ToolResult[] = [];
  // An attempt before this one began a call only when the results of all before it were durable.
  const unknown = recorded === undefined ? -1 : calls.findIndex(({ index }) => !recorded.has(index));
  if (calls.some((call) => call.class !== 'read_only')) await journal?.flush(); // J2
  for (let next = 0; next < calls.length; ) {
    signal.throwIfAborted();
    const known = replayed(bench, turn, calls[next], recorded);
    if (known !== undefined) {
      results.push(known);
      next += 1;
      continue;
    }
    let end = next + 1;
    if (calls[next]?.class === 'read_only') {
      while (end < calls.length && calls[end]?.class === 'read_only' && !isKnown(calls[end], recorded)) end += 1;
    }
    const batch = calls.slice(next, end);
    // All are waited for, also after an abort, so that no side effect outlives the attempt.
    const done = await Promise.all(
      batch.map(async (call) =>
        next === unknown && call === batch[0]
          ? await settle(bench, turn, call, signal)
          : await runOne(bench, turn, call, signal),
      ),
    );
    signal.throwIfAborted();
    for (const each of done) await journal?.done({ turn, ...each }, signal);
    await journal?.flush(); // J2
    results.push(...done.map(({ call, output, isError }) => ({ ...named(call), output, isError })));
    next = end;
  }
  signal.throwIfAborted();
  return results;
};

const named = ({ callId, tool }: ToolCall) => ({ callId, tool });

const isKnown = (call: PlacedCall | undefined, recorded: TurnCalls['recorded']): boolean =>
  call !== undefined && recorded?.has(call.index) === true;

const replayed = (
  bench: ToolBench,
  turn: number,
  call: PlacedCall | undefined,
  recorded: TurnCalls['recorded'],
): ToolResult | undefined => {
  const result = call === undefined ? undefined : recorded?.get(call.index);
  if (call === undefined || result === undefined) return undefined;
  replayCall(bench, turn, call, result);
  return { ...named(call), output: result.output, isError: result.isError };
};

type Done = Omit<DoneCall, 'turn'>;

const settle = async (bench: ToolBench, turn: number, call: PlacedCall, signal: AbortSignal): Promise<Done> => {
  const startedAtMs = bench.clock.monotonicMs();
  const settlement = await settleUnknown(bench, turn, call, signal);
  if (settlement.kind === 'run') {
    const done = await runOne(bench, turn, call, signal);
    return settlement.settled === undefined ? done : { ...done, settled: settlement.settled };
  }
  const { output, isError, settled } = settlement;
  bench.stepLog.result(call.tool, output, isError);
  return { call, output, isError, settled, durationMs: Math.round(bench.clock.monotonicMs() - startedAtMs) };
};

const runOne = async (bench: ToolBench, turn: number, call: PlacedCall, signal: AbortSignal): Promise<Done> => {
  const { stepLog, servers, clock, journal } = bench;
  const isServers = servers.has(call.tool);
  const startedAtMs = clock.monotonicMs();
  // A thought is a line of its own.
  if (call.tool !== 'think') stepLog.call(call.tool, call.input);
  let result: { readonly output: JsonValue; readonly isError: boolean };
  try {
    result = isServers
      ? await servers.call(call.tool, call.input, signal, journal?.keyOf(turn, call.index))
      : { output: await perform(bench, turn, call, signal), isError: false };
  } catch (thrown) {
    journal?.throwIfOver();
    if (!isDomainError(thrown)) throw thrown;
    if (thrown.code === 'permission_denied') {
      bench.log.warn('tool call denied', { tool: call.tool, reason: thrown.message });
    }
    result = { output: { error: thrown.code, message: thrown.message }, isError: true };
  }
  const { isError } = result;
  const redacted = bench.redact(result.output);
  const output = journal === undefined ? redacted : storable(redacted);
  const durationMs = Math.round(clock.monotonicMs() - startedAtMs);
  const detail = isServers ? `${durationMs} ms, ${byteLength(output)} bytes` : undefined;
  if (call.tool !== 'think' || isError) stepLog.result(call.tool, output, isError, detail);
  bench.meter.count('skein_agent_tool_calls_total', 1, {
    tool: labelOf(bench, call.tool, isServers),
    outcome: isError ? 'error' : 'ok',
  });
  return { call, output, isError, durationMs };
};

/** Deeper than any server means, and far from what a store takes. */
const maxOutputDepth = 200;

/** What an attempt after this one will show the model is what this one shows it. */
const storable = (output: JsonValue): JsonValue =>
  cleanJson(isDeeperThan(output, maxOutputDepth) ? JSON.stringify(output) : output);

/** Few labels, whatever names servers and models come up with. */
const labelOf = ({ policy }: ToolBench, tool: string, isServers: boolean): string => {
  if (isServers) return 'mcp';
  return policy.allows(tool) || tool === 'load_skill' ? tool : 'other';
};

const byteLength = (output: ServerToolResult['output']): number =>
  new TextEncoder().encode(typeof output === 'string' ? output : JSON.stringify(output)).byteLength;

const perform = async (bench: ToolBench, turn: number, call: PlacedCall, signal: AbortSignal): Promise<JsonValue> => {
  const { tool, input } = call;
  if (tool === 'load_skill' && bench.skills.size > 0) return performLoadSkill(bench, input);
  if (tool === 'reply' && bench.inbox?.tool() !== undefined) return performReply(bench.inbox, bench, input);
  if (!mayUse(bench, tool)) {
    throw new DomainError('permission_denied', `this agent may not use the tool ${JSON.stringify(tool)}`);
  }
  switch (tool) {
    case 'read':
      return performRead(bench, input);
    case 'write':
      return performWrite(bench, input);
    case 'patch':
      return patchFile(bench.toolHost, bench.root, input);
    case 'bash':
      return performBash(bench, turn, call, signal);
    case 'think':
      bench.stepLog.thought(textField(input, 'thought'));
      return {};
    case 'remember':
      // The limit is for what will be stored.
      return performRemember(bench.proposals as Proposals, bench.scopes, bench.redact(input));
    case 'delegate':
      return (bench.delegate as NonNullable<ToolBench['delegate']>)(turn, call, signal);
    default:
      throw new DomainError('not_found', `there is no tool ${JSON.stringify(tool)}`);
  }
};

/** Class of a call of this agent. */
export const classOf = (bench: ToolBench, tool: string): ToolCallClass =>
  toolClassOf(
    {
      refuses: (name) =>
        name === 'load_skill'
          ? bench.skills.size === 0
          : name === 'reply'
            ? bench.inbox?.tool() === undefined
            : !mayUse(bench, name),
      isServers: (name) => bench.servers.has(name),
      effects: bench.effects,
    },
    tool,
  );

/** The policy, and for some tools what the step and the agent must have besides. */
const mayUse = ({ policy, proposals, delegate }: ToolBench, tool: string): boolean => {
  if (!policy.allows(tool)) return false;
  if (tool === 'remember') return proposals !== undefined;
  return tool !== 'delegate' || delegate !== undefined;
};

const performRead = async ({ toolHost, root, redact }: ToolBench, input: JsonValue): Promise<JsonObject> => {
  const path = jailedPath(textField(input, 'path'));
  const file = await toolHost.readFile(root, path, maxReadBytes + cutMarginBytes);
  const text = redact(file.text) as string;
  const told = { path, text: file.bytes > maxReadBytes ? firstBytes(text, maxReadBytes) : text };
  return file.bytes > maxReadBytes
    ? { ...told, truncated: `only the first part of ${file.bytes} bytes is shown` }
    : told;
};

const firstBytes = (text: string, maxBytes: number): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text).subarray(0, maxBytes), {
    stream: true,
  });

const performWrite = async ({ toolHost, root }: ToolBench, input: JsonValue): Promise<JsonObject> => {
  const path = jailedPath(textField(input, 'path'));
  const bytes = new TextEncoder().encode(textField(input, 'content'));
  await toolHost.writeFile(root, path, bytes, 0o644);
  return { path, bytes: bytes.byteLength };
};

/** The answer is durable together with the result of the call. */
const performReply = (inbox: Inbox, { journal, redact }: ToolBench, input: JsonValue): JsonObject => {
  const { number, text, output } = inbox.answer(redact(input));
  journal?.replied(number, text);
  return output;
};

const performBash = async (
  bench: ToolBench,
  turn: number,
  { index, input }: PlacedCall,
  signal: AbortSignal,
): Promise<JsonObject> => {
  const command = textField(input, 'command');
  const denial = bench.policy.bash(command);
  if (denial !== undefined) throw new DomainError('permission_denied', denial);
  const key = bench.journal?.keyOf(turn, index);
  const request = {
    command,
    timeoutMs: bashTimeoutMs,
    maxOutputBytes: maxBashOutputBytes + cutMarginBytes,
    ...(key === undefined ? {} : { idempotencyKey: key }),
  };
  return bashReport(bench, await bench.toolHost.runBash(bench.root, request, signal));
};

/** How a command ended, as the model sees it. */
export const bashReport = ({ redact }: Pick<ToolBench, 'redact'>, result: BashResult): JsonObject => {
  const { exitCode, signal: endedBy, output, truncated, timedOut } = result;
  const clean = redact(output) as string;
  const isCut = truncated || new TextEncoder().encode(output).byteLength > maxBashOutputBytes;
  return {
    ...(exitCode === undefined ? {} : { exit_code: exitCode }),
    ...(endedBy === undefined ? {} : { signal: endedBy }),
    output: isCut ? firstBytes(clean, maxBashOutputBytes) : clean,
    ...(isCut ? { truncated: `only the first ${maxBashOutputBytes} bytes are shown` } : {}),
    ...(timedOut ? { timed_out: `stopped after ${bashTimeoutMs / 1000} s` } : {}),
  };
};

const performLoadSkill = async (bench: ToolBench, input: JsonValue): Promise<JsonObject> => {
  const name = textField(input, 'name');
  const skill = bench.skills.get(name);
  if (skill === undefined) {
    throw new DomainError('not_found', `there is no skill ${JSON.stringify(name)}; choose one of the catalogue`);
  }
  return await loadSkill(bench, skill);
};
