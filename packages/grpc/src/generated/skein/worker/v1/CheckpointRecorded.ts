// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface CheckpointRecorded {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'count'?: (number | string | Long);
}

export interface CheckpointRecorded__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'count': (number);
}
