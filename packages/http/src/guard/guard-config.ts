/** So many within so many seconds. */
export interface Rate {
  readonly requests: number;
  readonly seconds: number;
}

/** Who may come how often, and from where. Counted by each coordinator for itself, in memory. */
export interface GuardConfig {
  /** Requests of one token. */
  readonly perToken: Rate;
  /** Requests of one address (IPv6: one /64), whatever they are. */
  readonly perAddress: Rate;
  /** Failed authentications of one address; after these, tokens that were not seen to work lately are refused unread. */
  readonly failures: Rate;
  /** Origins whose scripts may read answers, like `https://console.example`; none: no CORS header is sent. */
  readonly corsOrigins: readonly string[];
  /** The last entry of `X-Forwarded-For` is the address: only behind a proxy that sets it. */
  readonly trustForwarded: boolean;
}

/** Defaults of `GuardConfig`: far above what a busy client does, and few failures. */
export const defaultGuardConfig: GuardConfig = {
  perToken: { requests: 100_000, seconds: 10 },
  perAddress: { requests: 200_000, seconds: 10 },
  failures: { requests: 60, seconds: 60 },
  corsOrigins: [],
  trustForwarded: false,
};
