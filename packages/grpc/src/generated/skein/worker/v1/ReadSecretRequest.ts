// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';

export interface ReadSecretRequest {
  'sessionId'?: (string);
  'task'?: (_skein_worker_v1_TaskRef | null);
  'secret'?: (string);
}

export interface ReadSecretRequest__Output {
  'sessionId': (string);
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'secret': (string);
}
