// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface Playback {
  'digest'?: (string);
  'bytes'?: (number | string | Long);
}

export interface Playback__Output {
  'digest': (string);
  'bytes': (number);
}
