import { cleanText, DomainError, type JsonValue } from '@skein/domain';
import type { ServerToolResult, ToolServerContext } from '@skein/ports';
import { isDeeperThan } from './message-gate.ts';
import { cleanLine } from './server-text.ts';

/**
 * The result of a call as the model gets it: the structured content where there is one, else the texts; of what is no text, that it is
 * there. Secrets are taken out, then at most `maxBytes` of it are left as text, with a marker at the cut. Throws `unavailable` for what is no result of a tool.
 */
export const callResult = (
  result: { readonly [key: string]: unknown },
  maxBytes: number,
  redact: ToolServerContext['redact'],
): ServerToolResult => {
  const { content, structuredContent, isError } = result;
  const output = structuredOf(structuredContent) ?? textOf(content);
  return { ...cut(redact(output), maxBytes), isError: isError === true };
};

/** A JSON-RPC error is the server's word about the call, like a result with `isError`. */
export const errorResult = (
  code: number,
  message: string,
  maxBytes: number,
  redact: ToolServerContext['redact'],
): ServerToolResult => {
  const prefix = `MCP error ${code}: `;
  const told = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  const { output, truncated } = cut(redact(cleanText(told)), maxBytes);
  return { output: { server_error: code, message: output }, isError: true, truncated };
};

const structuredOf = (value: unknown): JsonValue | undefined =>
  typeof value !== 'object' || value === null || isDeeperThan(value, 32) ? undefined : clean(value as JsonValue);

const clean = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), clean(inner)]));
};

const textOf = (content: unknown): string => {
  if (!Array.isArray(content)) throw new DomainError('unavailable', 'the answer of the server is no result of a tool');
  return content.map(blockText).join('\n');
};

const blockText = (block: unknown): string => {
  if (typeof block !== 'object' || block === null) return '[unknown content]';
  const { type, text, data, mimeType, uri, resource } = block as { readonly [key: string]: unknown };
  if (type === 'text' && typeof text === 'string') return cleanText(text);
  if (type === 'resource' && typeof resource === 'object' && resource !== null) {
    const inner = resource as { readonly [key: string]: unknown };
    return typeof inner['text'] === 'string' ? cleanText(inner['text']) : `[resource ${shown(inner['uri'])}: not text]`;
  }
  if (type === 'resource_link') return `[resource ${shown(uri)}]`;
  const size = typeof data === 'string' ? `, ${Math.floor((data.length * 3) / 4)} bytes` : '';
  return `[${shown(type)} ${shown(mimeType)}${size}: not shown]`;
};

const shown = (value: unknown): string => (typeof value === 'string' ? cleanLine(value) : 'unknown');

const cut = (output: JsonValue, maxBytes: number): { readonly output: JsonValue; readonly truncated: boolean } => {
  const text = typeof output === 'string' ? output : JSON.stringify(output);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return { output, truncated: false };
  const kept = new TextDecoder().decode(Buffer.from(text).subarray(0, maxBytes), { stream: true });
  return { output: `${kept}\n[cut: only the first ${maxBytes} of ${bytes} bytes are shown]`, truncated: true };
};
