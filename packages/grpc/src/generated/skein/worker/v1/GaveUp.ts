// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';

export interface GaveUp {
  'tasks'?: (_skein_worker_v1_TaskRef)[];
}

export interface GaveUp__Output {
  'tasks': (_skein_worker_v1_TaskRef__Output)[];
}
