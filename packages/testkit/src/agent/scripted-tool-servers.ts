import { DomainError, type JsonValue } from '@skein/domain';
import type { ServerToolResult, ToolDefinition, ToolServerContext, ToolServers } from '@skein/ports';

/** How a scripted server behaves: fails to open, or offers tools that a function answers. */
export interface ScriptedServer {
  readonly openError?: Error;
  readonly tools?: readonly (Partial<ToolDefinition> & { readonly name: string })[];
  readonly call?: (
    tool: string,
    input: JsonValue,
    signal: AbortSignal,
    idempotencyKey?: string,
  ) => Promise<JsonValue> | JsonValue;
  /** Called with what the server got when it is opened. */
  readonly onOpen?: (context: ToolServerContext) => void;
}

/** Tool servers without processes, and what was opened and closed. */
export interface ScriptedToolServers extends ToolServers {
  /** `open NAME` and `close NAME`, in order. */
  readonly events: readonly string[];
}

/** Servers by name; an opening may be scripted by its number (from 1). */
export const createScriptedToolServers = (servers: {
  readonly [name: string]: ScriptedServer | ((opening: number) => ScriptedServer);
}): ScriptedToolServers => {
  const events: string[] = [];
  const openings = new Map<string, number>();
  return {
    events,
    open: async (name, _definition, context) => {
      events.push(`open ${name}`);
      const opening = (openings.get(name) ?? 0) + 1;
      openings.set(name, opening);
      const scripted = servers[name];
      const server = typeof scripted === 'function' ? scripted(opening) : scripted;
      if (server === undefined) throw new DomainError('unavailable', `no server ${name}`, {});
      server.onOpen?.(context);
      if (server.openError !== undefined) throw server.openError;
      return {
        tools: (server.tools ?? []).map((tool) => ({ description: '', inputSchema: { type: 'object' }, ...tool })),
        call: async (tool, input, signal, idempotencyKey): Promise<ServerToolResult> => ({
          output: (await server.call?.(tool, input, signal, idempotencyKey)) ?? null,
          isError: false,
          truncated: false,
        }),
        close: async () => void events.push(`close ${name}`),
      };
    },
  };
};
