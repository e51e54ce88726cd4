// Original file: proto/skein/peer/v1/peer.proto

import type { WorkerMessage as _skein_worker_v1_WorkerMessage, WorkerMessage__Output as _skein_worker_v1_WorkerMessage__Output } from '../../../skein/worker/v1/WorkerMessage.ts';

export interface FromWorker {
  'workerId'?: (string);
  'sessionId'?: (string);
  'message'?: (_skein_worker_v1_WorkerMessage | null);
}

export interface FromWorker__Output {
  'workerId': (string);
  'sessionId': (string);
  'message': (_skein_worker_v1_WorkerMessage__Output | null);
}
