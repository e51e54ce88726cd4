import { DomainError, isDomainError, type JsonObject, type JsonValue } from '@skein/domain';
import type { Clock, Log, Meter, ServerToolResult, ToolCall, ToolHost } from '@skein/ports';
import type { HeldSkill } from '../attempt/open-session.ts';
import type { StepLog } from '../turn/step-log.ts';
import { textField } from './input-fields.ts';
import { jailedPath } from './jailed-path.ts';
import { loadSkill, type SkillPlaces } from './load-skill.ts';
import { patchFile } from './patch-file.ts';
import { type ProposalScopes, type Proposals, performRemember } from './proposals.ts';
import type { ServerTools } from './server-tools.ts';
import type { CompiledPolicy } from './tool-policy.ts';

/** What the tools of one agent work with. */
export interface ToolBench extends SkillPlaces {
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
  readonly delegate?: (input: JsonValue, signal: AbortSignal) => Promise<JsonObject>;
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

const maxReadBytes = 256 * 1024;
const maxBashOutputBytes = 64 * 1024;
const bashTimeoutMs = 120_000;
/** Read beyond these: a secret that lies across a limit is found before the text is cut there. */
const cutMarginBytes = 16 * 1024;

/** Calls that only read run together; each other call runs alone, in the model's order. Results keep that order. */
export const runToolCalls = async (
  bench: ToolBench,
  calls: readonly ToolCall[],
  signal: AbortSignal,
): Promise<readonly ToolResult[]> => {
  const results: ToolResult[] = [];
  for (let next = 0; next < calls.length; ) {
    signal.throwIfAborted();
    let end = next + 1;
    if (isReadOnly(calls[next])) while (end < calls.length && isReadOnly(calls[end])) end += 1;
    const batch = calls.slice(next, end);
    // All are waited for, also after an abort, so that no side effect outlives the attempt.
    results.push(...(await Promise.all(batch.map((call) => runOne(bench, call, signal)))));
    next = end;
  }
  signal.throwIfAborted();
  return results;
};

const isReadOnly = (call: ToolCall | undefined): boolean => call?.tool === 'read';

const runOne = async (bench: ToolBench, call: ToolCall, signal: AbortSignal): Promise<ToolResult> => {
  const { stepLog, servers, clock } = bench;
  const isServers = servers.has(call.tool);
  const startedAtMs = clock.monotonicMs();
  // A thought is a line of its own.
  if (call.tool !== 'think') stepLog.call(call.tool, call.input);
  let result: ToolResult;
  try {
    const { output, isError } = isServers
      ? await servers.call(call.tool, call.input, signal)
      : { output: await perform(bench, call, signal), isError: false };
    result = { callId: call.callId, tool: call.tool, output, isError };
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
    if (thrown.code === 'permission_denied') {
      bench.log.warn('tool call denied', { tool: call.tool, reason: thrown.message });
    }
    result = failed(call, thrown.message, thrown.code);
  }
  result = { ...result, output: bench.redact(result.output) };
  const took = `${Math.round(clock.monotonicMs() - startedAtMs)} ms`;
  const detail = isServers ? `${took}, ${byteLength(result.output)} bytes` : undefined;
  if (call.tool !== 'think' || result.isError) stepLog.result(call.tool, result.output, result.isError, detail);
  bench.meter.count('skein_agent_tool_calls_total', 1, {
    tool: labelOf(bench, call.tool, isServers),
    outcome: result.isError ? 'error' : 'ok',
  });
  return result;
};

/** Few labels, whatever names servers and models come up with. */
const labelOf = ({ policy }: ToolBench, tool: string, isServers: boolean): string => {
  if (isServers) return 'mcp';
  return policy.allows(tool) || tool === 'load_skill' ? tool : 'other';
};

const byteLength = (output: ServerToolResult['output']): number =>
  new TextEncoder().encode(typeof output === 'string' ? output : JSON.stringify(output)).byteLength;

const failed = (call: ToolCall, message: string, code: string): ToolResult => ({
  callId: call.callId,
  tool: call.tool,
  output: { error: code, message },
  isError: true,
});

const perform = async (bench: ToolBench, call: ToolCall, signal: AbortSignal): Promise<JsonValue> => {
  const { tool, input } = call;
  if (tool === 'load_skill' && bench.skills.size > 0) return performLoadSkill(bench, input);
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
      return performBash(bench, input, signal);
    case 'think':
      bench.stepLog.thought(textField(input, 'thought'));
      return {};
    case 'remember':
      // The limit is for what will be stored.
      return performRemember(bench.proposals as Proposals, bench.scopes, bench.redact(input));
    case 'delegate':
      return (bench.delegate as NonNullable<ToolBench['delegate']>)(input, signal);
    default:
      throw new DomainError('not_found', `there is no tool ${JSON.stringify(tool)}`);
  }
};

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

const performBash = async (bench: ToolBench, input: JsonValue, signal: AbortSignal): Promise<JsonObject> => {
  const command = textField(input, 'command');
  const denial = bench.policy.bash(command);
  if (denial !== undefined) throw new DomainError('permission_denied', denial);
  const request = { command, timeoutMs: bashTimeoutMs, maxOutputBytes: maxBashOutputBytes + cutMarginBytes };
  const {
    exitCode,
    signal: endedBy,
    output,
    truncated,
    timedOut,
  } = await bench.toolHost.runBash(bench.root, request, signal);
  const clean = bench.redact(output) as string;
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
