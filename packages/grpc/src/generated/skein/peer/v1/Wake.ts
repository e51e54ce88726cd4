// Original file: proto/skein/peer/v1/peer.proto

import type { WokenRun as _skein_peer_v1_WokenRun, WokenRun__Output as _skein_peer_v1_WokenRun__Output } from '../../../skein/peer/v1/WokenRun.ts';

export interface Wake {
  'runs'?: (_skein_peer_v1_WokenRun)[];
}

export interface Wake__Output {
  'runs': (_skein_peer_v1_WokenRun__Output)[];
}
