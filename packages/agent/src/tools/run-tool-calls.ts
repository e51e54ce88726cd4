import { DomainError, isDomainError, type JsonObject, type JsonValue, type SkillContent } from '@skein/domain';
import type { Log, Meter, ToolCall, ToolHost } from '@skein/ports';
import type { StepLog } from '../turn/step-log.ts';
import { jailedPath } from './jailed-path.ts';
import { loadSkill } from './load-skill.ts';
import type { CompiledPolicy } from './tool-policy.ts';

/** What the tools of one attempt work with. */
export interface ToolBench {
  readonly toolHost: ToolHost;
  /** The private directory. */
  readonly root: string;
  readonly policy: CompiledPolicy;
  readonly skills: ReadonlyMap<string, SkillContent>;
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
  bench.stepLog.call(call.tool, call.input);
  let result: ToolResult;
  try {
    result = { callId: call.callId, tool: call.tool, output: await perform(bench, call, signal), isError: false };
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
    if (thrown.code === 'permission_denied') {
      bench.log.warn('tool call denied', { tool: call.tool, reason: thrown.message });
    }
    result = failed(call, thrown.message, thrown.code);
  }
  bench.stepLog.result(call.tool, result.output, result.isError);
  bench.meter.count('skein_agent_tool_calls_total', 1, {
    tool: bench.policy.allows(call.tool) || call.tool === 'load_skill' ? call.tool : 'other',
    outcome: result.isError ? 'error' : 'ok',
  });
  return result;
};

const failed = (call: ToolCall, message: string, code: string): ToolResult => ({
  callId: call.callId,
  tool: call.tool,
  output: { error: code, message },
  isError: true,
});

const perform = (bench: ToolBench, call: ToolCall, signal: AbortSignal): Promise<JsonValue> => {
  const { tool, input } = call;
  if (tool === 'load_skill' && bench.skills.size > 0) return performLoadSkill(bench, input);
  if (!bench.policy.allows(tool)) {
    return Promise.reject(
      new DomainError('permission_denied', `this agent may not use the tool ${JSON.stringify(tool)}`),
    );
  }
  switch (tool) {
    case 'read':
      return performRead(bench, input);
    case 'write':
      return performWrite(bench, input);
    case 'bash':
      return performBash(bench, input, signal);
    default:
      return Promise.reject(new DomainError('not_found', `there is no tool ${JSON.stringify(tool)}`));
  }
};

const performRead = async ({ toolHost, root }: ToolBench, input: JsonValue): Promise<JsonObject> => {
  const path = jailedPath(textField(input, 'path'));
  const file = await toolHost.readFile(root, path, maxReadBytes);
  const told = { path, text: file.text };
  return file.truncated ? { ...told, truncated: `only the first part of ${file.bytes} bytes is shown` } : told;
};

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
  const request = { command, timeoutMs: bashTimeoutMs, maxOutputBytes: maxBashOutputBytes };
  const {
    exitCode,
    signal: endedBy,
    output,
    truncated,
    timedOut,
  } = await bench.toolHost.runBash(bench.root, request, signal);
  return {
    ...(exitCode === undefined ? {} : { exit_code: exitCode }),
    ...(endedBy === undefined ? {} : { signal: endedBy }),
    output,
    ...(truncated ? { truncated: `only the first ${maxBashOutputBytes} bytes are shown` } : {}),
    ...(timedOut ? { timed_out: `stopped after ${bashTimeoutMs / 1000} s` } : {}),
  };
};

const performLoadSkill = async (bench: ToolBench, input: JsonValue): Promise<JsonObject> => {
  const name = textField(input, 'name');
  const skill = bench.skills.get(name);
  if (skill === undefined) {
    throw new DomainError('not_found', `there is no skill ${JSON.stringify(name)}; choose one of the catalogue`);
  }
  return await loadSkill(bench.toolHost, bench.root, skill);
};

const textField = (input: JsonValue, name: string): string => {
  const value = typeof input === 'object' && input !== null && !Array.isArray(input) ? input[name] : undefined;
  if (typeof value === 'string') return value;
  throw new DomainError('invalid_argument', `the input needs a string ${JSON.stringify(name)}`);
};
