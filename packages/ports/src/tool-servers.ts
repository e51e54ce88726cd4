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
  /**
   * `idempotencyKey` goes along as `_meta["skein/idempotencyKey"]`, the trace context as `_meta.traceparent`.
   * Throws `not_found` (no such tool), `invalid_argument` (the input is no object), `unavailable` (it died, or broke the protocol),
   * `deadline_exceeded` (`callTimeoutMs`), `too_large` (it flooded, and is gone), and the signal's reason after an abort.
   */
  call(
    tool: string,
    input: JsonValue,
    signal: AbortSignal,
    idempotencyKey?: string,
    traceparent?: string,
  ): Promise<ServerToolResult>;
  /** Idempotent; when it resolves, the server's process and all that it started are gone. Never throws. */
  close(): Promise<void>;
}

/** What a server of one task works with. */
export interface ToolServerContext {
  /** The task's private directory, in which a stdio server runs. */
  readonly root: string;
  readonly readSecret: SecretReader;
  /** Gets single lines for the step's log: what the server wrote to stderr, and what of it was left out. Bounded; never throws. */
  readonly log: (line: string) => void;
  /** See `ExecutionContext.redact`; what a server says goes through it before it is cut anywhere. */
  readonly redact: (value: JsonValue) => JsonValue;
}

/** Starts, or connects to, the MCP servers of an agent. All that a server says is data: cleaned, bounded, and never trusted. */
export interface ToolServers {
  /**
   * Throws `unavailable` (does not start, does not speak MCP, offers another schema than the pinned one), `deadline_exceeded`
   * (`startTimeoutMs`), `too_large` (it floods), `permission_denied` (an address that is never connected to, a redirect to another
   * origin, a secret that is not declared), and what `readSecret` throws. After a throw nothing of the server is left.
   */
  open(name: string, server: McpServer, context: ToolServerContext, signal: AbortSignal): Promise<ToolServer>;
}
