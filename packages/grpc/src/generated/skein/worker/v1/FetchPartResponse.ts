// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface FetchPartResponse {
  'totalBytes'?: (number | string | Long);
  'chunk'?: (Buffer | Uint8Array | string);
  'payload'?: "totalBytes"|"chunk";
}

export interface FetchPartResponse__Output {
  'totalBytes'?: (number);
  'chunk'?: (Buffer);
  'payload'?: "totalBytes"|"chunk";
}
