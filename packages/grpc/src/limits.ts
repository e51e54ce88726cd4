import type { ChannelOptions } from '@grpc/grpc-js';

/** Sizes and times of the transport. Bytes and milliseconds. */
export interface GrpcLimits {
  /** Largest control message, and what a peer may send as one gRPC message (plus a small overhead). */
  readonly maxMessageBytes: number;
  /** Largest answer of a use case that another coordinator asked for: what it did, with all that it says of a run. */
  readonly maxAnswerBytes: number;
  /** Unsent bytes of one stream; beyond it the stream is cut with `resource_exhausted` (D6). */
  readonly maxBufferedBytes: number;
  /** Largest blob. */
  readonly maxTransferBytes: number;
  /** Largest blob that a worker may send to be stored; it is gathered in memory. The gateway takes less. */
  readonly maxStoredBytes: number;
  /** Largest envelope of a snapshot, and largest part, as they travel: compressed. */
  readonly maxPartBytes: number;
  /** A ping after this much time … */
  readonly keepaliveMs: number;
  /** … and the connection is dead without an answer within this. */
  readonly keepaliveTimeoutMs: number;
  /** A stream without a first message is refused after this. */
  readonly helloTimeoutMs: number;
  /** After one side has closed, the stream is ended by force when the other does not follow within this. */
  readonly closeTimeoutMs: number;
  /** Deadline of a unary call. */
  readonly callTimeoutMs: number;
}

/** A frozen peer is found in keepaliveMs + keepaliveTimeoutMs at most: one second. */
export const defaultGrpcLimits: GrpcLimits = {
  maxMessageBytes: 1024 * 1024,
  maxAnswerBytes: 32 * 1024 * 1024,
  maxBufferedBytes: 8 * 1024 * 1024,
  maxTransferBytes: 1024 * 1024 * 1024,
  maxStoredBytes: 8 * 1024 * 1024,
  maxPartBytes: 64 * 1024 * 1024,
  keepaliveMs: 300,
  keepaliveTimeoutMs: 700,
  helloTimeoutMs: 10_000,
  closeTimeoutMs: 2_000,
  callTimeoutMs: 10_000,
};

/** Room for the frame around the largest message. */
const frameOverheadBytes = 16 * 1024;

const shared = (limits: GrpcLimits): ChannelOptions => ({
  'grpc.max_receive_message_length': limits.maxMessageBytes + frameOverheadBytes,
  'grpc.max_send_message_length': limits.maxMessageBytes + frameOverheadBytes,
  'grpc.keepalive_time_ms': limits.keepaliveMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  'grpc.keepalive_permit_without_calls': 1,
});

/** Options of the server. Its ping limits allow twice the rate at which our clients ping. */
export const serverOptions = (limits: GrpcLimits): ChannelOptions => ({
  ...shared(limits),
  'grpc.max_send_message_length': Math.max(limits.maxMessageBytes, limits.maxAnswerBytes) + frameOverheadBytes,
  'grpc.http2.min_time_between_pings_ms': Math.floor(limits.keepaliveMs / 2),
  'grpc.http2.max_ping_strikes': 0,
  'grpc.max_concurrent_streams': 256,
});

/**
 * Options of a client channel: no retries (an endless stream would fill the retry buffer), a connection of its own,
 * and a short reconnect delay, because the callers have their own backoff. `serverName`: see `ClientTls`.
 */
export const clientOptions = (limits: GrpcLimits, serverName?: string): ChannelOptions => ({
  ...shared(limits),
  ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
});

/** Options of a channel for calls of use cases: only their answers are large. */
export const callOptions = (limits: GrpcLimits, serverName?: string): ChannelOptions => ({
  ...clientOptions(limits, serverName),
  'grpc.max_receive_message_length': limits.maxAnswerBytes + frameOverheadBytes,
});
