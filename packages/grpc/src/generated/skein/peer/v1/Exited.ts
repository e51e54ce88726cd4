// Original file: proto/skein/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Exited {
  'tenant'?: (string);
  'workerId'?: (string);
  'incarnation'?: (string);
  'exitCode'?: (number | string | Long);
  'signal'?: (string);
  '_workerId'?: "workerId";
  '_exitCode'?: "exitCode";
  '_signal'?: "signal";
}

export interface Exited__Output {
  'tenant': (string);
  'workerId'?: (string);
  'incarnation': (string);
  'exitCode'?: (number);
  'signal'?: (string);
  '_workerId'?: "workerId";
  '_exitCode'?: "exitCode";
  '_signal'?: "signal";
}
