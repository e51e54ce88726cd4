// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Snapshot as _skein_worker_v1_Snapshot, Snapshot__Output as _skein_worker_v1_Snapshot__Output } from '../../../skein/worker/v1/Snapshot.ts';
import type { Resume as _skein_worker_v1_Resume, Resume__Output as _skein_worker_v1_Resume__Output } from '../../../skein/worker/v1/Resume.ts';
import type { Playback as _skein_worker_v1_Playback, Playback__Output as _skein_worker_v1_Playback__Output } from '../../../skein/worker/v1/Playback.ts';
import type { Long } from '@grpc/proto-loader';

export interface TaskOffer {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'tenant'?: (string);
  'dagName'?: (string);
  'stepId'?: (string);
  'definitionSlot'?: (number);
  'definitionJson'?: (string);
  'inputsJson'?: (string);
  'snapshot'?: (_skein_worker_v1_Snapshot | null);
  'leaseMs'?: (number | string | Long);
  'traceparent'?: (string);
  'runCreatedAt'?: (string);
  'resume'?: (_skein_worker_v1_Resume | null);
  'round'?: (number);
  'unread'?: (number);
  'playback'?: (_skein_worker_v1_Playback | null);
  '_definitionJson'?: "definitionJson";
  '_traceparent'?: "traceparent";
}

export interface TaskOffer__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'tenant': (string);
  'dagName': (string);
  'stepId': (string);
  'definitionSlot': (number);
  'definitionJson'?: (string);
  'inputsJson': (string);
  'snapshot': (_skein_worker_v1_Snapshot__Output | null);
  'leaseMs': (number);
  'traceparent'?: (string);
  'runCreatedAt': (string);
  'resume': (_skein_worker_v1_Resume__Output | null);
  'round': (number);
  'unread': (number);
  'playback': (_skein_worker_v1_Playback__Output | null);
  '_definitionJson'?: "definitionJson";
  '_traceparent'?: "traceparent";
}
