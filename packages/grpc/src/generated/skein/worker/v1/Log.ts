// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';

export interface Log {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'bytes'?: (Buffer | Uint8Array | string);
}

export interface Log__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'bytes': (Buffer);
}
