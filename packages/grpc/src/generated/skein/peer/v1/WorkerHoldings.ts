// Original file: proto/skein/peer/v1/peer.proto

import type { HeldTask as _skein_worker_v1_HeldTask, HeldTask__Output as _skein_worker_v1_HeldTask__Output } from '../../../skein/worker/v1/HeldTask.ts';
import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';

export interface WorkerHoldings {
  'workerId'?: (string);
  'sessionId'?: (string);
  'running'?: (_skein_worker_v1_HeldTask)[];
  'unacknowledged'?: (_skein_worker_v1_TaskRef)[];
}

export interface WorkerHoldings__Output {
  'workerId': (string);
  'sessionId': (string);
  'running': (_skein_worker_v1_HeldTask__Output)[];
  'unacknowledged': (_skein_worker_v1_TaskRef__Output)[];
}
