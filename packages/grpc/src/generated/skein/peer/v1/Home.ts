// Original file: proto/skein/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Home {
  'shard'?: (number);
  'epoch'?: (number | string | Long);
}

export interface Home__Output {
  'shard': (number);
  'epoch': (number);
}
