import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { DomainError, isDomainError, type JsonValue, type McpServer } from '@skein/domain';
import type { ServerToolResult, ToolServer, ToolServerContext } from '@skein/ports';
import { z } from 'zod';
import { callResult, errorResult } from './call-result.ts';
import { offeredTools } from './offered-tools.ts';
import type { ServerTransport } from './server-transport.ts';

/** Most pages of a list of tools. */
const maxPages = 32;
/** Results are read by us, tool by tool: one that is wrong must not hide the others. */
const anyObject = z.looseObject({});

/** Shakes hands with a server and lists its tools; see `ToolServers.open`. */
export const connectServer = async (
  name: string,
  server: McpServer,
  transport: ServerTransport,
  { log, redact }: Pick<ToolServerContext, 'log' | 'redact'>,
  signal: AbortSignal,
): Promise<ToolServer> => {
  const client = new Client({ name: 'skein', version: '1' }, { capabilities: {} });
  const link = { name, client, transport, redact };
  try {
    const tools = await within(server.startTimeoutMs, signal, async (bound) => {
      const options = { signal: bound, timeout: server.startTimeoutMs };
      await client.connect(transport, options);
      return offeredTools(redact(await listTools(client, options, log)) as readonly JsonValue[], server, log);
    });
    return {
      tools,
      call: (tool, input, callSignal, idempotencyKey, traceparent) => {
        if (!tools.some((each) => each.name === tool))
          return Promise.reject(new DomainError('not_found', `no tool ${tool}`));
        return call(link, server, { tool, input, idempotencyKey, traceparent }, callSignal);
      },
      close: () => transport.close(),
    };
  } catch (thrown) {
    const error = signal.aborted ? signal.reason : translate(link, thrown);
    await transport.close();
    throw error;
  }
};

interface Link {
  readonly name: string;
  readonly client: Client;
  readonly transport: ServerTransport;
  readonly redact: ToolServerContext['redact'];
}

interface RequestBounds {
  readonly signal: AbortSignal;
  readonly timeout: number;
}

const listTools = async (client: Client, options: RequestBounds, log: (line: string) => void) => {
  const tools: JsonValue[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const params = cursor === undefined ? {} : { params: { cursor } };
    const result = await client.request({ method: 'tools/list', ...params }, anyObject, options);
    if (!Array.isArray(result['tools'])) throw new DomainError('unavailable', 'the server gave no list of tools');
    tools.push(...result['tools']);
    const next = result['nextCursor'];
    if (typeof next !== 'string') return tools;
    cursor = next;
  }
  log(`its list of tools has more than ${maxPages} pages; the rest is left out`);
  return tools;
};

interface ToolCall {
  readonly tool: string;
  readonly input: JsonValue;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
}

/** Where a server that wants to do a call only once finds its name. */
const keyOfMeta = 'skein/idempotencyKey';

/** The name of the trace context is that of OpenTelemetry's conventions for MCP. */
const metaOf = (idempotencyKey: string | undefined, traceparent: string | undefined) =>
  idempotencyKey === undefined && traceparent === undefined
    ? {}
    : {
        _meta: {
          ...(idempotencyKey === undefined ? {} : { [keyOfMeta]: idempotencyKey }),
          ...(traceparent === undefined ? {} : { traceparent }),
        },
      };

const call = async (
  link: Link,
  server: McpServer,
  { tool, input, idempotencyKey, traceparent }: ToolCall,
  signal: AbortSignal,
): Promise<ServerToolResult> => {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new DomainError('invalid_argument', 'the input must be an object');
  }
  signal.throwIfAborted();
  if (link.transport.failure !== undefined) throw translate(link, link.transport.failure);
  try {
    return await within(server.callTimeoutMs, signal, async (bound) => {
      const options = { signal: bound, timeout: server.callTimeoutMs };
      const meta = metaOf(idempotencyKey, traceparent);
      const request = { method: 'tools/call', params: { name: tool, arguments: input, ...meta } } as const;
      return callResult(await link.client.request(request, anyObject, options), server.maxResultBytes, link.redact);
    });
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (isServersWord(thrown)) return errorResult(thrown.code, thrown.message, server.maxResultBytes, link.redact);
    throw translate(link, thrown);
  }
};

/** An error that the server answered with, not one of the way to it. */
const isServersWord = (thrown: unknown): thrown is McpError =>
  thrown instanceof McpError && thrown.code !== ErrorCode.RequestTimeout && thrown.code !== ErrorCode.ConnectionClosed;

/** Ends the wait after `ms`, whatever the library waits for. */
const within = async <T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const late = new AbortController();
  const signal = AbortSignal.any([outer, late.signal]);
  const timer = setTimeout(() => late.abort(new DomainError('deadline_exceeded', `no answer within ${ms} ms`)), ms);
  try {
    signal.throwIfAborted();
    return await Promise.race([work(signal), rejected(signal)]);
  } finally {
    clearTimeout(timer);
  }
};

const rejected = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** In the words of the port. What broke the channel explains whatever else was thrown. */
const translate = ({ name, transport }: Link, thrown: unknown): DomainError => {
  const told = (error: DomainError) =>
    new DomainError(error.code, `tool server ${name}: ${error.message}`, error.details, thrown);
  if (transport.failure !== undefined) return told(transport.failure);
  if (isDomainError(thrown)) return told(thrown);
  if (thrown instanceof McpError && thrown.code === ErrorCode.RequestTimeout) {
    return told(new DomainError('deadline_exceeded', 'it did not answer in time'));
  }
  if (thrown instanceof McpError && thrown.code !== ErrorCode.ConnectionClosed) {
    return told(new DomainError('unavailable', `it refused the connection (${thrown.code})`));
  }
  return told(new DomainError('unavailable', 'it broke the protocol'));
};
