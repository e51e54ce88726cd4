// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface Welcome {
  'protocol'?: (number);
  'sessionId'?: (string);
  'coordinatorId'?: (string);
  'serverTime'?: (number | string | Long);
  'heartbeatMs'?: (number | string | Long);
  'leaseMs'?: (number | string | Long);
  'keep'?: (_skein_worker_v1_TaskRef)[];
  'snapshotFormat'?: (number);
  'coordinators'?: (string)[];
}

export interface Welcome__Output {
  'protocol': (number);
  'sessionId': (string);
  'coordinatorId': (string);
  'serverTime': (number);
  'heartbeatMs': (number);
  'leaseMs': (number);
  'keep': (_skein_worker_v1_TaskRef__Output)[];
  'snapshotFormat': (number);
  'coordinators': (string)[];
}
