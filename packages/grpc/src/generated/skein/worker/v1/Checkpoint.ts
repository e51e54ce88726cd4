// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface Checkpoint {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'index'?: (number | string | Long);
  'entriesJson'?: (string)[];
}

export interface Checkpoint__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'index': (number);
  'entriesJson': (string)[];
}
