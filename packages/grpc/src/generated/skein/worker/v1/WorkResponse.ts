// Original file: proto/skein/worker/v1/worker.proto

import type { CoordinatorMessage as _skein_worker_v1_CoordinatorMessage, CoordinatorMessage__Output as _skein_worker_v1_CoordinatorMessage__Output } from '../../../skein/worker/v1/CoordinatorMessage.ts';

export interface WorkResponse {
  'messages'?: (_skein_worker_v1_CoordinatorMessage)[];
}

export interface WorkResponse__Output {
  'messages': (_skein_worker_v1_CoordinatorMessage__Output)[];
}
