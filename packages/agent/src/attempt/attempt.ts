import type { Digest } from '@skein/domain';
import type {
  Clock,
  ExecutionContext,
  Log,
  Meter,
  Model,
  Random,
  TextPatterns,
  ToolHost,
  ToolServers,
  Tracer,
} from '@skein/ports';
import type { Player } from '../playback/player.ts';
import type { Proposals } from '../tools/proposals.ts';
import type { Budget } from '../turn/budget.ts';
import type { Inbox } from '../turn/inbox.ts';
import type { StepLog } from '../turn/step-log.ts';
import type { Journal } from './journal.ts';
import type { AgentAction, Session } from './open-session.ts';

/** What the agent executor needs. */
export interface AgentExecutorDeps {
  readonly model: Model;
  readonly toolHost: ToolHost;
  /** Without it, the MCP servers of agents are unavailable. */
  readonly toolServers?: ToolServers;
  readonly clock: Clock;
  /** Spreads retries; without it they are not spread. */
  readonly random?: Random;
  /** For the patterns of tool policies and output schemas; without it a pattern may search for ever. */
  readonly patterns?: TextPatterns;
  readonly log: Log;
  readonly meter: Meter;
  /** Records what turns and calls took; without it nothing does. */
  readonly tracer?: Tracer;
}

/** One attempt of a step, with what all its agents share: the private directory above all. */
export interface Attempt {
  readonly deps: AgentExecutorDeps;
  readonly context: ExecutionContext;
  readonly action: AgentAction;
  readonly patterns: TextPatterns;
  /** Folders below the private directory that hold a skill, with its digest. */
  readonly skillFolders: Map<string, Digest>;
  /** Present exactly when tool calls are answered from a record. */
  readonly player?: Player;
  /** MCP servers that were started a second time. */
  readonly restarted: Set<string>;
}

/** One agent at work: the step's own (depth 0), or one that an agent delegated to. */
export interface Member {
  readonly session: Session;
  readonly depth: number;
  readonly budget: Budget;
  readonly stepLog: StepLog;
  readonly proposals: Proposals;
  /** Present exactly when the attempt is recorded. */
  readonly journal?: Journal;
  /** Present exactly when it can be sent messages. */
  readonly inbox?: Inbox;
  /** The span below which it works. */
  readonly traceparent?: string;
  leftMs(): number;
}
