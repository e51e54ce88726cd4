/**
 * What a task was expected to be sent of its snapshot, and what was counted as saved, when it was offered; compressed bytes.
 * Both shrink as bytes are really sent for it: a part that the worker turned out not to hold was not saved after all.
 */
export interface ExpectedTransfer {
  expected: number;
  saved: number;
}

/** Bytes of snapshots that one worker was sent, and was spared. */
export class TransferCounts {
  snapshots = 0;
  received = 0;
  saved = 0;

  /** A task was offered; `attached` bytes left with it. */
  offered(attached: number, transfer: ExpectedTransfer): void {
    this.received += attached;
    this.saved += transfer.saved;
  }

  /** Bytes left in answer to a call of a task. */
  sent(bytes: number, transfer: ExpectedTransfer | undefined): void {
    this.received += bytes;
    if (transfer === undefined) return;
    const asExpected = Math.min(bytes, transfer.expected);
    const notSaved = Math.min(bytes - asExpected, transfer.saved);
    transfer.expected -= asExpected;
    transfer.saved -= notSaved;
    this.saved -= notSaved;
  }
}
