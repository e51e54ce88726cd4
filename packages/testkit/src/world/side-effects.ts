/** One thing that a tool call did, or a model was asked, on behalf of an agent step; in the order in which it happened. */
export interface SideEffect {
  readonly kind: 'model' | 'tool';
  readonly runId: string;
  readonly step: string;
  /** Fencing token of the attempt. */
  readonly token: number;
  /** Of the tool; empty for a model. */
  readonly tool: string;
  /** Idempotency key of a call: `RUN:STEP:ROUND:[THREAD/]TURN:INDEX`; of a model `RUN:STEP:TURN`. */
  readonly key: string;
  /** From 1, in the step's own conversation. */
  readonly turn: number;
  /** Place of the call in its turn, from 0. */
  readonly index: number;
  /** It changes something outside, so that twice would be once too often. */
  readonly isEffect: boolean;
  /** Done by an attempt whose lease was over: what no coordinator can prevent, and a target can, by the key. */
  readonly fenced?: boolean;
}
