import { cleanText, DomainError, type JsonObject, type JsonValue, type ToolCallClass } from '@skein/domain';
import type { BashResult } from '@skein/ports';
import type { PlacedCall } from '../attempt/journal.ts';
import type { Inbox } from '../turn/inbox.ts';
import { textField } from './input-fields.ts';
import { jailedPath } from './jailed-path.ts';
import { loadSkill } from './load-skill.ts';
import { patchFile } from './patch-file.ts';
import { type Proposals, performRemember } from './proposals.ts';
import type { ToolBench } from './tool-bench.ts';
import { toolClassOf } from './tool-class.ts';

const maxReadBytes = 256 * 1024;
/** What of a command's output the model gets to see. */
export const maxBashOutputBytes = 64 * 1024;
const bashTimeoutMs = 120_000;
/** What of an answer the model gets to see. */
const maxPageBytes = 64 * 1024;
/** Read beyond these: a secret that lies across a limit is found before the text is cut there. */
const cutMarginBytes = 16 * 1024;

/** Carries out a call of a tool that is none of a server's. Throws what the model gets to see as an error. */
export const performCall = async (
  bench: ToolBench,
  turn: number,
  call: PlacedCall,
  signal: AbortSignal,
): Promise<JsonValue> => {
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
    case 'http':
      return performHttp(bench, input, signal);
    case 'think':
      bench.stepLog.thought(textField(input, 'thought'));
      return {};
    case 'remember':
      // The limit is for what will be stored.
      return performRemember(bench.proposals as Proposals, bench.scopes, bench.redact(input));
    case 'delegate':
      return (bench.delegate as NonNullable<ToolBench['delegate']>)(turn, call, signal, bench.traceparent);
    default:
      throw new DomainError('not_found', `there is no tool ${JSON.stringify(tool)}`);
  }
};

/** Whether nothing at all would be done for a call of a tool that is none of a server's. */
export const refusesTool = (bench: ToolBench, tool: string): boolean => {
  if (tool === 'load_skill') return bench.skills.size === 0;
  return tool === 'reply' ? bench.inbox?.tool() === undefined : !mayUse(bench, tool);
};

/** Class of a call of this agent. */
export const classOf = (bench: ToolBench, tool: string): ToolCallClass => {
  const isServers = (name: string) => bench.servers.has(name);
  // With a playback what may have an effect is answered from the record, or does nothing.
  if (bench.player !== undefined && (tool === 'bash' || isServers(tool))) return 'read_only';
  return toolClassOf({ refuses: (name) => refusesTool(bench, name), isServers, effects: bench.effects }, tool);
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
    ...(bench.traceparent === undefined ? {} : { traceparent: bench.traceparent }),
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

/** What a server says is data: cut, and without secrets of the task. */
const performHttp = async (
  { toolHost, redact, traceparent }: ToolBench,
  input: JsonValue,
  signal: AbortSignal,
): Promise<JsonObject> => {
  if (toolHost.fetchPage === undefined)
    throw new DomainError('unavailable', 'this worker makes no requests for agents');
  const url = textField(input, 'url');
  const page = await toolHost.fetchPage(url, maxPageBytes + cutMarginBytes, signal, traceparent);
  const text = cleanText(redact(page.text) as string);
  const isCut = page.truncated || new TextEncoder().encode(page.text).byteLength > maxPageBytes;
  return {
    status: page.status,
    ...(page.contentType === undefined ? {} : { content_type: cleanText(page.contentType) }),
    text: isCut ? firstBytes(text, maxPageBytes) : text,
    ...(isCut ? { truncated: `only the first ${maxPageBytes} bytes are shown` } : {}),
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
