// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface Resume {
  'digest'?: (string);
  'bytes'?: (number | string | Long);
  'entries'?: (number);
}

export interface Resume__Output {
  'digest': (string);
  'bytes': (number);
  'entries': (number);
}
