// Original file: proto/skein/worker/v1/worker.proto

import type { ErrorData as _skein_worker_v1_ErrorData, ErrorData__Output as _skein_worker_v1_ErrorData__Output } from '../../../skein/worker/v1/ErrorData.ts';

export interface Refused {
  'error'?: (_skein_worker_v1_ErrorData | null);
}

export interface Refused__Output {
  'error': (_skein_worker_v1_ErrorData__Output | null);
}
