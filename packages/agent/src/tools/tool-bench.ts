import type { JsonObject, JsonValue, ToolsContent } from '@skein/domain';
import type { Clock, Log, Meter, ToolHost } from '@skein/ports';
import type { Journal, PlacedCall } from '../attempt/journal.ts';
import type { HeldSkill } from '../attempt/open-session.ts';
import type { Player } from '../playback/player.ts';
import type { ReplayPlaces } from '../resume/replay-calls.ts';
import type { AgentSpans } from '../turn/agent-spans.ts';
import type { Inbox } from '../turn/inbox.ts';
import type { StepLog } from '../turn/step-log.ts';
import type { SkillPlaces } from './load-skill.ts';
import type { ProposalScopes, Proposals } from './proposals.ts';
import type { ServerTools } from './server-tools.ts';
import type { CompiledPolicy } from './tool-policy.ts';

/** What the tools of one agent work with. */
export interface ToolBench extends SkillPlaces, ReplayPlaces {
  readonly toolHost: ToolHost;
  /** The private directory. */
  readonly root: string;
  readonly policy: CompiledPolicy;
  readonly skills: ReadonlyMap<string, HeldSkill>;
  readonly servers: ServerTools;
  /** Present exactly when the agent may propose. */
  readonly proposals?: Proposals;
  readonly scopes: ProposalScopes;
  /** Present exactly when the agent may delegate. */
  readonly delegate?: (
    turn: number,
    call: PlacedCall,
    signal: AbortSignal,
    traceparent?: string,
  ) => Promise<JsonObject>;
  /** What is declared of the effects of tools. */
  readonly effects: ToolsContent['effects'];
  /** Present exactly when the attempt is recorded. */
  readonly journal?: Journal;
  /** Present exactly when calls are answered from a record. */
  readonly player?: Player;
  /** Present exactly when the agent can be sent messages. */
  readonly inbox?: Inbox;
  /** See `ExecutionContext.redact`: what the model gets to see goes to its provider. */
  readonly redact: (value: JsonValue) => JsonValue;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly stepLog: StepLog;
  /** Present exactly when calls are traced. */
  readonly spans?: AgentSpans;
  /** What commands and servers are told of the trace; of a call, that of its own span. */
  readonly traceparent?: string;
}
