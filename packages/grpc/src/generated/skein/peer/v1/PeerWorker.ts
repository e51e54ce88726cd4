// Original file: proto/skein/peer/v1/peer.proto

import type { WorkerInfo as _skein_worker_v1_WorkerInfo, WorkerInfo__Output as _skein_worker_v1_WorkerInfo__Output } from '../../../skein/worker/v1/WorkerInfo.ts';
import type { GaveUp as _skein_worker_v1_GaveUp, GaveUp__Output as _skein_worker_v1_GaveUp__Output } from '../../../skein/worker/v1/GaveUp.ts';
import type { WorkerHoldings as _skein_peer_v1_WorkerHoldings, WorkerHoldings__Output as _skein_peer_v1_WorkerHoldings__Output } from '../../../skein/peer/v1/WorkerHoldings.ts';
import type { Long } from '@grpc/proto-loader';

export interface PeerWorker {
  'tenant'?: (string);
  'tokenId'?: (string);
  'worker'?: (_skein_worker_v1_WorkerInfo | null);
  'sessionId'?: (string);
  'epoch'?: (number | string | Long);
  'snapshotFormat'?: (number);
  'held'?: (string)[];
  'connectedAt'?: (number | string);
  'draining'?: (boolean);
  'gaveUp'?: (_skein_worker_v1_GaveUp | null);
  'holds'?: (_skein_peer_v1_WorkerHoldings | null);
}

export interface PeerWorker__Output {
  'tenant': (string);
  'tokenId': (string);
  'worker': (_skein_worker_v1_WorkerInfo__Output | null);
  'sessionId': (string);
  'epoch': (number);
  'snapshotFormat': (number);
  'held': (string)[];
  'connectedAt': (number);
  'draining': (boolean);
  'gaveUp': (_skein_worker_v1_GaveUp__Output | null);
  'holds': (_skein_peer_v1_WorkerHoldings__Output | null);
}
