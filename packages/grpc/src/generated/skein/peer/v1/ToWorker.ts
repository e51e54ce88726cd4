// Original file: proto/skein/peer/v1/peer.proto

import type { CoordinatorMessage as _skein_worker_v1_CoordinatorMessage, CoordinatorMessage__Output as _skein_worker_v1_CoordinatorMessage__Output } from '../../../skein/worker/v1/CoordinatorMessage.ts';

export interface ToWorker {
  'workerId'?: (string);
  'sessionId'?: (string);
  'message'?: (_skein_worker_v1_CoordinatorMessage | null);
}

export interface ToWorker__Output {
  'workerId': (string);
  'sessionId': (string);
  'message': (_skein_worker_v1_CoordinatorMessage__Output | null);
}
