// Original file: proto/skein/worker/v1/worker.proto

import type { WorkerMessage as _skein_worker_v1_WorkerMessage, WorkerMessage__Output as _skein_worker_v1_WorkerMessage__Output } from '../../../skein/worker/v1/WorkerMessage.ts';

export interface WorkRequest {
  'messages'?: (_skein_worker_v1_WorkerMessage)[];
}

export interface WorkRequest__Output {
  'messages': (_skein_worker_v1_WorkerMessage__Output)[];
}
