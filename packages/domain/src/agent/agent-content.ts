import type { AgentLimits } from '../dag/step.ts';
import type { Digest, VersionId } from '../identity/ids.ts';
import type { JsonSchema, JsonValue } from '../json/json-value.ts';

/** Provider of a model. `auto` exists only in files; `apply` resolves it. */
export type ModelProvider = 'offline' | 'openai' | 'anthropic' | 'openai-compatible';

/** A named model, as it is frozen into agent versions. It names the secret that holds its key, never the key (S3). */
export interface ModelContent {
  readonly id: string;
  readonly provider: ModelProvider;
  readonly model: string;
  readonly baseUrl?: string;
  readonly secretName?: string;
  readonly parameters: { readonly [name: string]: JsonValue };
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  /** US dollars per million tokens. */
  readonly prices?: { readonly inputPerMillion: number; readonly outputPerMillion: number };
}

/** A soul: identity, values, voice. */
export interface SoulContent {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly content: string;
}

/** One file of a skill; `mode` holds the permission bits (0o644 or 0o755); `content` is text, or base64 when `encoding` says so. */
export interface SkillFile {
  readonly path: string;
  readonly mode: number;
  readonly encoding: 'utf8' | 'base64';
  readonly content: string;
}

/** A skill of the Agent Skills standard. `body` is SKILL.md without its front matter. Files are sorted by path. */
export interface SkillContent {
  readonly name: string;
  readonly description: string;
  readonly body: string;
  readonly metadata: { readonly [key: string]: string };
  readonly files: readonly SkillFile[];
}

/** A tool of an MCP server as the author pinned it: a server that offers another schema under this name is refused. */
export interface PinnedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
}

/**
 * An MCP server that an agent's tools come from. Values of `env` and `headers` may hold `${secrets.NAME}`; `secrets` lists these names,
 * sorted. Never a credential itself (S3).
 */
export interface McpServer {
  readonly transport:
    | {
        readonly kind: 'stdio';
        readonly command: string;
        readonly args: readonly string[];
        readonly env: { readonly [name: string]: string };
      }
    | { readonly kind: 'http'; readonly url: string; readonly headers: { readonly [name: string]: string } };
  readonly secrets: readonly string[];
  /** Names of its tools that are offered to the model; absent means all. */
  readonly allow?: readonly string[];
  /** When present, exactly these are offered, with these schemas. */
  readonly pinned?: readonly PinnedTool[];
  readonly startTimeoutMs: number;
  readonly callTimeoutMs: number;
  /** Bytes of one result that the model gets to see; the rest is cut with a marker. */
  readonly maxResultBytes: number;
}

/**
 * All that an agent may do with tools, one part of a snapshot: `allow` names built-in tools; `bash` rules are regular expressions over
 * the whole command, deny first; the tools of a server are offered as `SERVER__TOOL`.
 */
export interface ToolsContent {
  readonly allow: readonly string[];
  readonly bash: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly servers: { readonly [name: string]: McpServer };
  /** What is declared of a tool's effects, by the tool's name as the model sees it; absent when nothing is. */
  readonly effects?: { readonly [tool: string]: ToolEffects };
}

/** How far a tool may be repeated, and what happens to a call of it whose outcome is unknown. */
export interface ToolEffects {
  /** `read_only` and `idempotent` calls may be repeated; `effect` is what `bash` and the tools of servers are when nothing is said. */
  readonly class?: 'read_only' | 'idempotent' | 'effect';
  /** For an `effect` call with an unknown outcome, after `reconcile` could not say either: `fail` the step (default), or `tell` the model and go on. */
  readonly unknown?: 'fail' | 'tell';
  /**
   * Asks the target what happened. `tool`: a tool of a server, called with `{ key, tool, input }`, that answers `{ "status": "done" | "not_done" | "unknown", "output"? }`;
   * `command`: for `bash`, run with `SKEIN_IDEMPOTENCY_KEY`; exit 0 means done (stdout is the output), 1 not done, anything else unknown.
   */
  readonly reconcile?: { readonly tool: string } | { readonly command: string };
}

/**
 * The closed content of an agent version: everything it refers to is here by digest, so that a version means one thing for ever.
 * `versionId` is the SHA-256 of its canonical JSON.
 */
export interface AgentContent {
  readonly agentId: string;
  readonly description: string;
  readonly instructions: string;
  readonly model: Digest;
  readonly soul?: Digest;
  /** Skill name to part digest. */
  readonly skills: { readonly [name: string]: Digest };
  /** Digest of the `tools` part. */
  readonly tools: Digest;
  readonly outputSchema?: JsonSchema;
  readonly limits: Partial<AgentLimits>;
  /** Sub-agent id to version. */
  readonly subAgents: { readonly [agentId: string]: VersionId };
}

/** A published agent version. */
export interface AgentVersion {
  readonly agentId: string;
  readonly versionId: VersionId;
  /** `v1`, `v2` … per agent, given when it was published. */
  readonly alias: string;
  readonly content: AgentContent;
  /** ISO 8601. */
  readonly publishedAt: string;
}

/** Limits when neither the agent nor the step sets them. */
export const defaultAgentLimits: AgentLimits = {
  maxTurns: 20,
  maxTokens: 200_000,
  maxToolCalls: 100,
  maxOutputBytes: 1024 * 1024,
  timeoutMs: 600_000,
};
