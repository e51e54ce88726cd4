/** A notification on its way to one address. */
export interface WebhookMessage {
  /** The same for every try: receivers drop repetitions by it. */
  readonly id: string;
  /** Seconds since the epoch, of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/** The configured addresses and how to reach them. */
export interface WebhookSender {
  /** Stable names of the addresses, none of which shows a secret. */
  readonly names: readonly string[];
  /** Resolves when it was answered with 2xx. Throws `unavailable` otherwise; gives up after 10 s. */
  send(name: string, message: WebhookMessage): Promise<void>;
}
