// Original file: proto/skein/peer/v1/peer.proto

import type { FreeSlots as _skein_peer_v1_FreeSlots, FreeSlots__Output as _skein_peer_v1_FreeSlots__Output } from '../../../skein/peer/v1/FreeSlots.ts';

export interface Slots {
  'free'?: (_skein_peer_v1_FreeSlots)[];
}

export interface Slots__Output {
  'free': (_skein_peer_v1_FreeSlots__Output)[];
}
