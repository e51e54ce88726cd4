/**
 * Costs of what the rules do not cover, in ms of one core (or of waiting, where said), from our own measurements on two virtual cores
 * (docs/benchmarks.md; the rules themselves are measured before each run, see `measureRules`). Replace them by yours.
 */
export const costs = {
  /** HTTP request of a submit: parse, authenticate, answer. */
  submitMs: 0.25,
  /** One message of a worker, or one offer: frame, decode, hand over. */
  messageMs: 0.03,
  /** A heartbeat and its answer. */
  heartbeatMs: 0.015,
  heartbeatEveryMs: 1_500,
  /** Passing one message on to another coordinator of the cell: twice encoded, twice decoded. */
  passOnMs: 0.05,
  /** A durable commit of PostgreSQL on network storage: waiting. */
  commitMs: 1.5,
  /** Each append of the commit: work of the database. */
  appendMs: 0.02,
  /** One way within a cell, and between cells: waiting. */
  nearMs: 0.3,
  farMs: 30,
} as const;

/** How often a worker tells of one task: received, started, result, and its acknowledgement. */
export const messagesPerTask = 4;
