// Original file: proto/skein/peer/v1/peer.proto

import type { SlotWish as _skein_peer_v1_SlotWish, SlotWish__Output as _skein_peer_v1_SlotWish__Output } from '../../../skein/peer/v1/SlotWish.ts';

export interface Wish {
  'wishes'?: (_skein_peer_v1_SlotWish)[];
}

export interface Wish__Output {
  'wishes': (_skein_peer_v1_SlotWish__Output)[];
}
