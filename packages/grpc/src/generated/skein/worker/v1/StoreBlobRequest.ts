// Original file: proto/skein/worker/v1/worker.proto

import type { StoreBlobHeader as _skein_worker_v1_StoreBlobHeader, StoreBlobHeader__Output as _skein_worker_v1_StoreBlobHeader__Output } from '../../../skein/worker/v1/StoreBlobHeader.ts';

export interface StoreBlobRequest {
  'header'?: (_skein_worker_v1_StoreBlobHeader | null);
  'chunk'?: (Buffer | Uint8Array | string);
  'payload'?: "header"|"chunk";
}

export interface StoreBlobRequest__Output {
  'header'?: (_skein_worker_v1_StoreBlobHeader__Output | null);
  'chunk'?: (Buffer);
  'payload'?: "header"|"chunk";
}
