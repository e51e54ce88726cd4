import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { DomainError } from '@skein/domain';

/** A channel to a server that knows why it ended, and of which nothing is left after `close`. */
export interface ServerTransport extends Transport {
  /** Why it broke; undefined while it works, and after we ended it. */
  readonly failure: DomainError | undefined;
  /** Idempotent; resolves when nothing of the server is left on this machine. Never throws. */
  close(): Promise<void>;
}
