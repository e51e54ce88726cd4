// Original file: proto/skein/peer/v1/peer.proto

import type { PeerMessage as _skein_peer_v1_PeerMessage, PeerMessage__Output as _skein_peer_v1_PeerMessage__Output } from '../../../skein/peer/v1/PeerMessage.ts';

export interface TalkRequest {
  'messages'?: (_skein_peer_v1_PeerMessage)[];
}

export interface TalkRequest__Output {
  'messages': (_skein_peer_v1_PeerMessage__Output)[];
}
