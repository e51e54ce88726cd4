import { DomainError, isDomainError, type JsonObject, type JsonValue, type ToolEntry } from '@skein/domain';
import type { PlacedCall } from '../attempt/journal.ts';
import { bashReport, maxBashOutputBytes } from '../tools/perform-call.ts';
import type { ToolBench } from '../tools/tool-bench.ts';
import { effectsOf } from '../tools/tool-class.ts';

/** What becomes of a call that was planned and has no recorded result. */
export type Settlement =
  | { readonly kind: 'run'; readonly settled?: 'repeated' }
  | {
      readonly kind: 'result';
      readonly output: JsonValue;
      readonly isError: boolean;
      readonly settled: NonNullable<ToolEntry['settled']>;
    };

/**
 * A call that may have been carried out by an attempt that is gone. What may be repeated is; of the others the target is asked, where
 * the agent says how; where that gives no answer the step fails, or the model is told. Throws `outcome_unknown`, for good.
 */
export const settleUnknown = async (
  bench: ToolBench,
  turn: number,
  call: PlacedCall,
  signal: AbortSignal,
): Promise<Settlement> => {
  if (call.class === 'read_only') return { kind: 'run' };
  if (call.class === 'repeatable') return { kind: 'run', settled: 'repeated' };
  const { journal, stepLog } = bench;
  const key = journal?.keyOf(turn, call.index) ?? '';
  const answer = await reconcile(bench, call, key, signal);
  signal.throwIfAborted();
  stepLog.note(`the outcome of ${call.tool} (${key}) was unknown: ${words[answer.status]}`);
  if (answer.status === 'not_done') return { kind: 'run' };
  if (answer.status === 'done') {
    return { kind: 'result', output: answer.output, isError: false, settled: 'reconciled' };
  }
  if (effectsOf(bench.effects, call.tool)?.unknown !== 'tell') {
    const message = `nobody knows whether ${call.tool} was carried out: the worker was lost while it may have been running`;
    const error = new DomainError('outcome_unknown', message, { tool: call.tool, key });
    if (journal === undefined) throw error;
    return journal.end(error);
  }
  const message =
    'outcome unknown: the worker was lost while this call may have been running; it may or may not have been carried out';
  return { kind: 'result', output: { error: 'outcome_unknown', message }, isError: true, settled: 'told' };
};

type Answer =
  | { readonly status: 'done'; readonly output: JsonValue }
  | { readonly status: 'not_done' }
  | { readonly status: 'unknown' };

const words: { readonly [status in Answer['status']]: string } = {
  done: 'it was carried out',
  not_done: 'it was not carried out',
  unknown: 'and it stays unknown',
};

const unknown: Answer = { status: 'unknown' };

const reconcile = async (bench: ToolBench, call: PlacedCall, key: string, signal: AbortSignal): Promise<Answer> => {
  const how = effectsOf(bench.effects, call.tool)?.reconcile;
  if (how === undefined) return unknown;
  try {
    return 'tool' in how
      ? await askServer(bench, how.tool, { key, tool: call.tool, input: call.input }, signal)
      : await askCommand(bench, how.command, key, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isDomainError(thrown)) throw thrown;
    bench.stepLog.note(`asking what became of ${call.tool} failed: ${thrown.code}: ${thrown.message}`);
    return unknown;
  }
};

const askServer = async (bench: ToolBench, tool: string, input: JsonObject, signal: AbortSignal): Promise<Answer> => {
  if (!bench.servers.has(tool)) return unknown;
  const { output, isError } = await bench.servers.call(tool, input, signal);
  if (isError) return unknown;
  const { status, output: told } = fieldsOf(bench.redact(output));
  if (status === 'done') return { status, output: told ?? null };
  return status === 'not_done' ? { status } : unknown;
};

/** Servers answer with an object, or with its text. */
const fieldsOf = (output: JsonValue): { readonly [name: string]: JsonValue | undefined } => {
  let value = output;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value) as JsonValue;
    } catch {
      return {};
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
};

const reconcileTimeoutMs = 60_000;

/** The command is the author's own, so the rules for those of the model do not apply to it. */
const askCommand = async (bench: ToolBench, command: string, key: string, signal: AbortSignal): Promise<Answer> => {
  const result = await bench.toolHost.runBash(
    bench.root,
    { command, timeoutMs: reconcileTimeoutMs, maxOutputBytes: maxBashOutputBytes, idempotencyKey: key },
    signal,
  );
  if (result.exitCode === 0 && !result.timedOut) return { status: 'done', output: bashReport(bench, result) };
  return result.exitCode === 1 && !result.timedOut ? { status: 'not_done' } : unknown;
};
