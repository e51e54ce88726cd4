// Original file: proto/skein/peer/v1/peer.proto

import type { WorkerHoldings as _skein_peer_v1_WorkerHoldings, WorkerHoldings__Output as _skein_peer_v1_WorkerHoldings__Output } from '../../../skein/peer/v1/WorkerHoldings.ts';

export interface Holdings {
  'shards'?: (number)[];
  'workers'?: (_skein_peer_v1_WorkerHoldings)[];
  'more'?: (boolean);
}

export interface Holdings__Output {
  'shards': (number)[];
  'workers': (_skein_peer_v1_WorkerHoldings__Output)[];
  'more': (boolean);
}
