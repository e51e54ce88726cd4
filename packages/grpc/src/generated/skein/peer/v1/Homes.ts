// Original file: proto/skein/peer/v1/peer.proto

import type { Home as _skein_peer_v1_Home, Home__Output as _skein_peer_v1_Home__Output } from '../../../skein/peer/v1/Home.ts';

export interface Homes {
  'homes'?: (_skein_peer_v1_Home)[];
}

export interface Homes__Output {
  'homes': (_skein_peer_v1_Home__Output)[];
}
