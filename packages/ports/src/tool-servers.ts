import type { JsonValue, McpServer } from '@skein/domain';
import type { ToolDefinition } from './model.ts';
import type { SecretReader } from './secrets.ts';

/** What one call of a server's tool gave. `isError` is the server's own word. */
export interface ServerToolResult {
  readonly output: JsonValue;
  readonly isError: boolean;
  /** The result was longer than `maxResultBytes` and was cut. */
  readonly truncated: boolean;
}

/** A connected MCP server, of one task. */
export interface ToolServer {
  /** What it offers and its definition allows, names without the server's. At most 256 tools. */
  readonly tools: readonly ToolDefinition[];
  /** Throws `not_found` (no such tool), `unavailable` (it died, or broke the protocol), `deadline_exceeded`, `too_large`. */
  call(tool: string, input: JsonValue, signal: AbortSignal): Promise<ServerToolResult>;
  /** Idempotent; when it resolves, the server's process and all that it started are gone. Never throws. */
  close(): Promise<void>;
}

/** Starts, or connects to, the MCP servers of an agent. */
export interface ToolServers {
  /**
   * `root` is the task's private directory, in which a stdio server runs. Throws `unavailable` (does not start, does not speak MCP, offers
   * another schema than the pinned one), `deadline_exceeded` (`startTimeoutMs`), and what `readSecret` throws.
   */
  open(
    name: string,
    server: McpServer,
    context: { readonly root: string; readonly readSecret: SecretReader },
    signal: AbortSignal,
  ): Promise<ToolServer>;
}
