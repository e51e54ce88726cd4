import type { AgentMessage, CheckpointEntry, Digest, ErrorData, TaskOffer, TaskResult } from '@skein/domain';

/** What a task asks of the coordinator, by way of the endpoint's thread. */
export type TransferRequest =
  | { readonly kind: 'fetch_snapshot'; readonly digest: Digest; readonly held: readonly Digest[] }
  | { readonly kind: 'fetch_part'; readonly snapshot: Digest; readonly part: Digest }
  | { readonly kind: 'fetch_blob'; readonly digest: Digest }
  | { readonly kind: 'read_secret'; readonly secret: string }
  | { readonly kind: 'store_blob'; readonly bytes: Uint8Array }
  | { readonly kind: 'checkpoint'; readonly index: number; readonly entries: readonly CheckpointEntry[] };

/** What a transfer gave: bytes; or the digest of what was stored, or the value of a secret; nothing for a checkpoint, which is durable now. */
export type TransferValue = Uint8Array | Digest | string | undefined;

/** To the executors' thread. `task` and `call` are numbers that the sender made up. */
export type ToThread =
  | { readonly type: 'run'; readonly task: number; readonly offer: TaskOffer }
  | { readonly type: 'abort'; readonly task: number; readonly reason: ErrorData }
  /** Asks for a task whose code has not begun. */
  | { readonly type: 'hand_back'; readonly task: number; readonly reason: ErrorData }
  | { readonly type: 'transferred'; readonly call: number; readonly value: TransferValue }
  | { readonly type: 'transfer_failed'; readonly call: number; readonly error: ErrorData }
  | { readonly type: 'message'; readonly task: number; readonly message: AgentMessage }
  | { readonly type: 'close' };

/** From the executors' thread. Messages of one task come in order; `finished` or `threw` is its last. */
export type FromThread =
  | { readonly type: 'held'; readonly added: readonly Digest[]; readonly removed: readonly Digest[] }
  | { readonly type: 'started'; readonly task: number }
  | { readonly type: 'presented'; readonly task: number; readonly numbers: readonly number[]; readonly turn: number }
  | { readonly type: 'log'; readonly task: number; readonly bytes: Uint8Array }
  | { readonly type: 'transfer'; readonly task: number; readonly call: number; readonly request: TransferRequest }
  | { readonly type: 'finished'; readonly task: number; readonly result: TaskResult }
  | { readonly type: 'threw'; readonly task: number; readonly error: ErrorData }
  | { readonly type: 'group_opened'; readonly groupId: number }
  | { readonly type: 'group_closed'; readonly groupId: number }
  | { readonly type: 'closed' };
