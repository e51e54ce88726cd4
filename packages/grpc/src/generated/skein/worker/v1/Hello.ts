// Original file: proto/skein/worker/v1/worker.proto

import type { WorkerInfo as _skein_worker_v1_WorkerInfo, WorkerInfo__Output as _skein_worker_v1_WorkerInfo__Output } from '../../../skein/worker/v1/WorkerInfo.ts';
import type { HeldTask as _skein_worker_v1_HeldTask, HeldTask__Output as _skein_worker_v1_HeldTask__Output } from '../../../skein/worker/v1/HeldTask.ts';
import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { GaveUp as _skein_worker_v1_GaveUp, GaveUp__Output as _skein_worker_v1_GaveUp__Output } from '../../../skein/worker/v1/GaveUp.ts';

export interface Hello {
  'protocolMin'?: (number);
  'protocolMax'?: (number);
  'worker'?: (_skein_worker_v1_WorkerInfo | null);
  'held'?: (string)[];
  'running'?: (_skein_worker_v1_HeldTask)[];
  'unacknowledged'?: (_skein_worker_v1_TaskRef)[];
  'gaveUp'?: (_skein_worker_v1_GaveUp | null);
}

export interface Hello__Output {
  'protocolMin': (number);
  'protocolMax': (number);
  'worker': (_skein_worker_v1_WorkerInfo__Output | null);
  'held': (string)[];
  'running': (_skein_worker_v1_HeldTask__Output)[];
  'unacknowledged': (_skein_worker_v1_TaskRef__Output)[];
  'gaveUp': (_skein_worker_v1_GaveUp__Output | null);
}
