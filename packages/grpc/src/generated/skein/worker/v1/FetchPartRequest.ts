// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface FetchPartRequest {
  'sessionId'?: (string);
  'task'?: (_skein_worker_v1_TaskRef | null);
  'digest'?: (string);
  'part'?: (string);
  'offset'?: (number | string | Long);
}

export interface FetchPartRequest__Output {
  'sessionId': (string);
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'digest': (string);
  'part': (string);
  'offset': (number);
}
