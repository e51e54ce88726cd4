// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface ReportExitRequest {
  'workerId'?: (string);
  'incarnation'?: (string);
  'exitCode'?: (number | string | Long);
  'signal'?: (string);
  '_workerId'?: "workerId";
  '_exitCode'?: "exitCode";
  '_signal'?: "signal";
}

export interface ReportExitRequest__Output {
  'workerId'?: (string);
  'incarnation': (string);
  'exitCode'?: (number);
  'signal'?: (string);
  '_workerId'?: "workerId";
  '_exitCode'?: "exitCode";
  '_signal'?: "signal";
}
