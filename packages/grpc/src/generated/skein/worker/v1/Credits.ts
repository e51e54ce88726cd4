// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface Credits {
  'free'?: (number);
  'offersSeen'?: (number | string | Long);
}

export interface Credits__Output {
  'free': (number);
  'offersSeen': (number);
}
