import type { RolloutStatus, RolloutUnit, TallyKind } from '@skein/domain';

/** Rollouts. `record` is all of it as JSON; the columns are what is asked for. */
export interface RolloutTable {
  tenant: string;
  id: string;
  agent_id: string;
  status: RolloutStatus;
  revision: number;
  created_at: number;
  completed_at: number | null;
  /** 1: an evaluator has work with it. */
  tended: number;
  /** JSON: the versions of all arms but the stable one. */
  candidates: string;
  record: string;
  /** Names the commit that wrote the revision. */
  commit_id: string;
}

/** Units in order of assignment. `unit` of a void one is `void-SEQ`, so that its unit is free again. */
export interface RolloutUnitTable {
  tenant: string;
  rollout_id: string;
  seq: number;
  unit: string;
  arm: number;
  epoch: number;
  at: number;
  run_id: string;
  state: RolloutUnit['state'];
  ended_at: number | null;
}

/** Values of units: decimal texts, because what leaves SQLite as a number loses its last digits; null is missing. */
export interface RolloutValueTable {
  tenant: string;
  rollout_id: string;
  seq: number;
  metric: string;
  value: string | null;
  at: number;
  commit_id: string;
}

/** How admissions stood to a rollout. */
export interface RolloutTallyTable {
  tenant: string;
  rollout_id: string;
  kind: TallyKind;
  count: number;
}

/** The evidence of a rollout, as JSON. */
export interface RolloutEvidenceTable {
  tenant: string;
  rollout_id: string;
  version: number;
  evidence: string;
  commit_id: string;
}

/** What happened to rollouts, as JSON. Numbers of a tenant rise by one from row to row; nothing removes a row. */
export interface RolloutEventTable {
  tenant: string;
  seq: number;
  rollout_id: string;
  revision: number;
  event: string;
  commit_id: string;
}

/** How far each webhook has come. */
export interface WebhookCursorTable {
  tenant: string;
  webhook: string;
  seq: number;
  failures: number;
  not_before: number;
}

/** Scores, as JSON. */
export interface ScoreTable {
  tenant: string;
  run_id: string;
  agent_id: string;
  scorer: string;
  step: string;
  score: string;
  commit_id: string;
}

/** Replays; `body` is opaque. */
export interface ReplayTable {
  tenant: string;
  id: string;
  agent_id: string;
  version: number;
  open: number;
  at: number;
  body: string;
  commit_id: string;
}

/** Agents that are frozen, as JSON. */
export interface AgentFreezeTable {
  tenant: string;
  agent_id: string;
  freeze: string;
}

/** What is said of agents beside their versions, as JSON. */
export interface AgentSettingsTable {
  tenant: string;
  agent_id: string;
  settings: string;
}

/** The tables of rollouts. */
export interface RolloutSchema {
  rollout: RolloutTable;
  rollout_unit: RolloutUnitTable;
  rollout_value: RolloutValueTable;
  rollout_tally: RolloutTallyTable;
  rollout_evidence: RolloutEvidenceTable;
  rollout_event: RolloutEventTable;
  webhook_cursor: WebhookCursorTable;
  score: ScoreTable;
  replay: ReplayTable;
  agent_freeze: AgentFreezeTable;
  agent_settings: AgentSettingsTable;
}
