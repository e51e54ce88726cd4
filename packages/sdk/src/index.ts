export type { SkeinClient } from './create-client.ts';
export { createClient } from './create-client.ts';
export type { RunsClient } from './runs-client.ts';
export type { RetryOptions, TransportOptions } from './transport.ts';
export type {
  AgentListItem,
  ApplyFile,
  ApplyInput,
  ApplyOutcome,
  CreatedToken,
  DagDocument,
  DagListItem,
  ListPage,
  ListRunsInput,
  LogInput,
  LogPage,
  ReadinessInfo,
  RunListItem,
  Schedule,
  SnapshotInfo,
  SubmitRunInput,
  TokenInfo,
  WatchedEvent,
} from './wire.ts';
