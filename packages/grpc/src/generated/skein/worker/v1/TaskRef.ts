// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface TaskRef {
  'runId'?: (string);
  'step'?: (string);
  'attempt'?: (number);
  'token'?: (number | string | Long);
}

export interface TaskRef__Output {
  'runId': (string);
  'step': (string);
  'attempt': (number);
  'token': (number);
}
