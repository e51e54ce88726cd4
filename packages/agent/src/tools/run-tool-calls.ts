// J2 Nothing that is not read-only begins before its turn, and the results before it, are durable.
import { isDomainError, type JsonValue } from '@skein/domain';
import type { ServerToolResult, ToolCall } from '@skein/ports';
import type { DoneCall, PlacedCall } from '../attempt/journal.ts';
import { playCall } from '../playback/play-call.ts';
import type { RecordedResult } from '../resume/history.ts';
import { replayCall } from '../resume/replay-calls.ts';
import { settleUnknown } from '../resume/settle-unknown.ts';
import { traceCall } from '../turn/agent-spans.ts';
import { cleanJson, isDeeperThan } from '../turn/clean-json.ts';
import { classOf, performCall } from './perform-call.ts';
import type { ToolBench } from './tool-bench.ts';

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
    const ended = await Promise.allSettled(
      batch.map(async (call) =>
        next === unknown && call === batch[0]
          ? await settle(bench, turn, call, signal)
          : await runOne(bench, turn, call, signal),
      ),
    );
    signal.throwIfAborted();
    const done = ended.map(resultOf);
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

const resultOf = (ended: PromiseSettledResult<Done>): Done => {
  if (ended.status === 'rejected') throw ended.reason;
  return ended.value;
};

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
  const { stepLog, clock, journal } = bench;
  const isServers = isOffered(bench, call);
  const startedAtMs = clock.monotonicMs();
  // A thought is a line of its own.
  if (call.tool !== 'think') stepLog.call(call.tool, call.input);
  let result: RecordedResult | undefined;
  try {
    result = await carryOut(bench, turn, call, isServers, signal);
  } catch (thrown) {
    journal?.throwIfOver();
    // That the lease may be over is nothing for the model: the attempt ends.
    if (!isDomainError(thrown) || thrown.code === 'stale_fencing_token') throw thrown;
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

/** Within a span of its own, where calls are traced. */
const carryOut = (
  bench: ToolBench,
  turn: number,
  call: PlacedCall,
  isServers: boolean,
  signal: AbortSignal,
): Promise<RecordedResult> => {
  const { spans } = bench;
  const { tool } = call;
  if (spans === undefined) return perform(bench, turn, call, isServers, signal);
  const isKnown = labelOf(bench, tool, isServers) !== 'other';
  return traceCall(spans, { tool, isKnown, isServers, turn }, (traceparent) =>
    perform({ ...bench, traceparent }, turn, call, isServers, signal),
  );
};

const perform = async (
  bench: ToolBench,
  turn: number,
  call: PlacedCall,
  isServers: boolean,
  signal: AbortSignal,
): Promise<RecordedResult> => {
  const { player, servers, journal, traceparent } = bench;
  const played = player === undefined ? undefined : await playCall(bench, player, turn, call, signal);
  if (played !== undefined) return played;
  return isServers
    ? servers.call(call.tool, call.input, signal, journal?.keyOf(turn, call.index), traceparent)
    : { output: await performCall(bench, turn, call, signal), isError: false };
};

/** A tool that could not be called when its call was planned, since its server was away, is not called later either. */
const isOffered = (bench: ToolBench, call: PlacedCall): boolean =>
  bench.servers.has(call.tool) && (call.class !== 'read_only' || classOf(bench, call.tool) === 'read_only');

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
