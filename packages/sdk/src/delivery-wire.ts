import type {
  ApprovalView,
  DeadLetter,
  DeliveryEventKind,
  EffectView,
  JsonObject,
  JsonValue,
  MessageMode,
  MessageView,
  RunId,
  StepDetail,
  StepView,
} from '@skein/domain';

/** A message to the agent of a step, or to a step that waits for one. */
export interface SendMessageInput {
  /** At most 16 KiB of UTF-8. */
  readonly text: string;
  /** When it is read; default `next_turn`. */
  readonly mode?: MessageMode;
  /** `[A-Za-z0-9_.:-]{1,128}`; made by the client when absent, so that a call that is tried again sends one message. */
  readonly messageId?: string;
  /** Read within this time or never, ms. */
  readonly ttlMs?: number;
  /** The step does not end well without having read it. */
  readonly requireAck?: boolean;
  readonly wantsReply?: boolean;
}

/** A message as the API shows it. */
export type MessageInfo = MessageView;
/** An approval that waits. */
export type ApprovalInfo = ApprovalView;
/** One line of the effect ledger. */
export type EffectInfo = EffectView;

/** A person's answer to an approval. */
export interface ApproveInput {
  /** Become the outputs of the step. */
  readonly inputs?: { readonly [name: string]: JsonValue };
  readonly reason?: string;
  /** The round that the person saw; when the step is in another one by now, the answer is refused with `illegal_transition`. */
  readonly round?: number;
}

/** A step with what the log says of it. */
export interface StepInfo {
  readonly step: StepView;
  readonly detail: StepDetail;
}

/** A task or message that was given up. Instants are ISO 8601. */
export interface DeadLetterInfo extends Omit<DeadLetter, 'tenant' | 'at' | 'settledAt' | 'history' | 'error'> {
  readonly at: string;
  readonly settledAt?: string;
  readonly history: readonly { readonly at: string; readonly what: string; readonly workerId?: string }[];
  readonly error?: JsonObject;
}

/** Filter of the dead letters; newest first. */
export interface ListDeadLettersInput {
  readonly status?: DeadLetter['status'];
  readonly kind?: DeadLetter['kind'];
  readonly reason?: DeadLetter['reason'];
  readonly runId?: RunId;
  readonly limit?: number;
  readonly cursor?: string;
}

/** What a redrive did, or with `dryRun` would do. */
export interface RedriveOutcome {
  readonly deadLetter: DeadLetterInfo;
  /** The new run of a task; the run to whose step a message is sent. */
  readonly runId: RunId;
  readonly dryRun: boolean;
}

/** One event of the delivery stream; `seq` is the cursor to read on after. */
export interface DeliveryEventInfo {
  readonly seq: number;
  readonly kind: DeliveryEventKind;
  /** ISO 8601. */
  readonly at: string;
  readonly itemId: string;
  readonly runId: RunId;
  readonly step: string;
  readonly reason: string;
  readonly attempts?: number;
  readonly ageMs?: number;
}

/** Delivery events after a cursor. */
export interface DeliveryEvents {
  readonly items: readonly DeliveryEventInfo[];
  /** Cursor to read on from. */
  readonly next: number;
  /** Events that retention removed before the first item. */
  readonly gap?: { readonly from: number; readonly to: number };
}
