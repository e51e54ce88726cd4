// Original file: proto/skein/peer/v1/peer.proto

import type { PeerHello as _skein_peer_v1_PeerHello, PeerHello__Output as _skein_peer_v1_PeerHello__Output } from '../../../skein/peer/v1/PeerHello.ts';
import type { Alive as _skein_peer_v1_Alive, Alive__Output as _skein_peer_v1_Alive__Output } from '../../../skein/peer/v1/Alive.ts';
import type { Homes as _skein_peer_v1_Homes, Homes__Output as _skein_peer_v1_Homes__Output } from '../../../skein/peer/v1/Homes.ts';
import type { Slots as _skein_peer_v1_Slots, Slots__Output as _skein_peer_v1_Slots__Output } from '../../../skein/peer/v1/Slots.ts';
import type { Wish as _skein_peer_v1_Wish, Wish__Output as _skein_peer_v1_Wish__Output } from '../../../skein/peer/v1/Wish.ts';
import type { Grant as _skein_peer_v1_Grant, Grant__Output as _skein_peer_v1_Grant__Output } from '../../../skein/peer/v1/Grant.ts';
import type { GiveBack as _skein_peer_v1_GiveBack, GiveBack__Output as _skein_peer_v1_GiveBack__Output } from '../../../skein/peer/v1/GiveBack.ts';
import type { PeerWorker as _skein_peer_v1_PeerWorker, PeerWorker__Output as _skein_peer_v1_PeerWorker__Output } from '../../../skein/peer/v1/PeerWorker.ts';
import type { WorkerGone as _skein_peer_v1_WorkerGone, WorkerGone__Output as _skein_peer_v1_WorkerGone__Output } from '../../../skein/peer/v1/WorkerGone.ts';
import type { Holdings as _skein_peer_v1_Holdings, Holdings__Output as _skein_peer_v1_Holdings__Output } from '../../../skein/peer/v1/Holdings.ts';
import type { FromWorker as _skein_peer_v1_FromWorker, FromWorker__Output as _skein_peer_v1_FromWorker__Output } from '../../../skein/peer/v1/FromWorker.ts';
import type { ToWorker as _skein_peer_v1_ToWorker, ToWorker__Output as _skein_peer_v1_ToWorker__Output } from '../../../skein/peer/v1/ToWorker.ts';
import type { Exited as _skein_peer_v1_Exited, Exited__Output as _skein_peer_v1_Exited__Output } from '../../../skein/peer/v1/Exited.ts';
import type { Wake as _skein_peer_v1_Wake, Wake__Output as _skein_peer_v1_Wake__Output } from '../../../skein/peer/v1/Wake.ts';
import type { Appended as _skein_peer_v1_Appended, Appended__Output as _skein_peer_v1_Appended__Output } from '../../../skein/peer/v1/Appended.ts';
import type { Watching as _skein_peer_v1_Watching, Watching__Output as _skein_peer_v1_Watching__Output } from '../../../skein/peer/v1/Watching.ts';
import type { Changed as _skein_peer_v1_Changed, Changed__Output as _skein_peer_v1_Changed__Output } from '../../../skein/peer/v1/Changed.ts';
import type { Leaving as _skein_peer_v1_Leaving, Leaving__Output as _skein_peer_v1_Leaving__Output } from '../../../skein/peer/v1/Leaving.ts';

export interface PeerMessage {
  'peerHello'?: (_skein_peer_v1_PeerHello | null);
  'alive'?: (_skein_peer_v1_Alive | null);
  'homes'?: (_skein_peer_v1_Homes | null);
  'slots'?: (_skein_peer_v1_Slots | null);
  'wish'?: (_skein_peer_v1_Wish | null);
  'grant'?: (_skein_peer_v1_Grant | null);
  'giveBack'?: (_skein_peer_v1_GiveBack | null);
  'worker'?: (_skein_peer_v1_PeerWorker | null);
  'workerGone'?: (_skein_peer_v1_WorkerGone | null);
  'holdings'?: (_skein_peer_v1_Holdings | null);
  'fromWorker'?: (_skein_peer_v1_FromWorker | null);
  'toWorker'?: (_skein_peer_v1_ToWorker | null);
  'exited'?: (_skein_peer_v1_Exited | null);
  'wake'?: (_skein_peer_v1_Wake | null);
  'appended'?: (_skein_peer_v1_Appended | null);
  'watching'?: (_skein_peer_v1_Watching | null);
  'changed'?: (_skein_peer_v1_Changed | null);
  'leaving'?: (_skein_peer_v1_Leaving | null);
  'payload'?: "peerHello"|"alive"|"homes"|"slots"|"wish"|"grant"|"giveBack"|"worker"|"workerGone"|"holdings"|"fromWorker"|"toWorker"|"exited"|"wake"|"appended"|"watching"|"changed"|"leaving";
}

export interface PeerMessage__Output {
  'peerHello'?: (_skein_peer_v1_PeerHello__Output | null);
  'alive'?: (_skein_peer_v1_Alive__Output | null);
  'homes'?: (_skein_peer_v1_Homes__Output | null);
  'slots'?: (_skein_peer_v1_Slots__Output | null);
  'wish'?: (_skein_peer_v1_Wish__Output | null);
  'grant'?: (_skein_peer_v1_Grant__Output | null);
  'giveBack'?: (_skein_peer_v1_GiveBack__Output | null);
  'worker'?: (_skein_peer_v1_PeerWorker__Output | null);
  'workerGone'?: (_skein_peer_v1_WorkerGone__Output | null);
  'holdings'?: (_skein_peer_v1_Holdings__Output | null);
  'fromWorker'?: (_skein_peer_v1_FromWorker__Output | null);
  'toWorker'?: (_skein_peer_v1_ToWorker__Output | null);
  'exited'?: (_skein_peer_v1_Exited__Output | null);
  'wake'?: (_skein_peer_v1_Wake__Output | null);
  'appended'?: (_skein_peer_v1_Appended__Output | null);
  'watching'?: (_skein_peer_v1_Watching__Output | null);
  'changed'?: (_skein_peer_v1_Changed__Output | null);
  'leaving'?: (_skein_peer_v1_Leaving__Output | null);
  'payload'?: "peerHello"|"alive"|"homes"|"slots"|"wish"|"grant"|"giveBack"|"worker"|"workerGone"|"holdings"|"fromWorker"|"toWorker"|"exited"|"wake"|"appended"|"watching"|"changed"|"leaving";
}
