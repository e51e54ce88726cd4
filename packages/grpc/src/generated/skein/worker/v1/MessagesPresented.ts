// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface MessagesPresented {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'numbers'?: (number | string | Long)[];
  'turn'?: (number | string | Long);
}

export interface MessagesPresented__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'numbers': (number)[];
  'turn': (number);
}
