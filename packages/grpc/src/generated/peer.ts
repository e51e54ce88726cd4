import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Alive as _skein_peer_v1_Alive, Alive__Output as _skein_peer_v1_Alive__Output } from './skein/peer/v1/Alive.ts';
import type { Appended as _skein_peer_v1_Appended, Appended__Output as _skein_peer_v1_Appended__Output } from './skein/peer/v1/Appended.ts';
import type { CallRequest as _skein_peer_v1_CallRequest, CallRequest__Output as _skein_peer_v1_CallRequest__Output } from './skein/peer/v1/CallRequest.ts';
import type { CallResponse as _skein_peer_v1_CallResponse, CallResponse__Output as _skein_peer_v1_CallResponse__Output } from './skein/peer/v1/CallResponse.ts';
import type { Changed as _skein_peer_v1_Changed, Changed__Output as _skein_peer_v1_Changed__Output } from './skein/peer/v1/Changed.ts';
import type { Exited as _skein_peer_v1_Exited, Exited__Output as _skein_peer_v1_Exited__Output } from './skein/peer/v1/Exited.ts';
import type { FreeSlots as _skein_peer_v1_FreeSlots, FreeSlots__Output as _skein_peer_v1_FreeSlots__Output } from './skein/peer/v1/FreeSlots.ts';
import type { FromWorker as _skein_peer_v1_FromWorker, FromWorker__Output as _skein_peer_v1_FromWorker__Output } from './skein/peer/v1/FromWorker.ts';
import type { GiveBack as _skein_peer_v1_GiveBack, GiveBack__Output as _skein_peer_v1_GiveBack__Output } from './skein/peer/v1/GiveBack.ts';
import type { Grant as _skein_peer_v1_Grant, Grant__Output as _skein_peer_v1_Grant__Output } from './skein/peer/v1/Grant.ts';
import type { Holdings as _skein_peer_v1_Holdings, Holdings__Output as _skein_peer_v1_Holdings__Output } from './skein/peer/v1/Holdings.ts';
import type { Home as _skein_peer_v1_Home, Home__Output as _skein_peer_v1_Home__Output } from './skein/peer/v1/Home.ts';
import type { Homes as _skein_peer_v1_Homes, Homes__Output as _skein_peer_v1_Homes__Output } from './skein/peer/v1/Homes.ts';
import type { Leaving as _skein_peer_v1_Leaving, Leaving__Output as _skein_peer_v1_Leaving__Output } from './skein/peer/v1/Leaving.ts';
import type { PeerHello as _skein_peer_v1_PeerHello, PeerHello__Output as _skein_peer_v1_PeerHello__Output } from './skein/peer/v1/PeerHello.ts';
import type { PeerMessage as _skein_peer_v1_PeerMessage, PeerMessage__Output as _skein_peer_v1_PeerMessage__Output } from './skein/peer/v1/PeerMessage.ts';
import type { PeerServiceClient as _skein_peer_v1_PeerServiceClient, PeerServiceDefinition as _skein_peer_v1_PeerServiceDefinition } from './skein/peer/v1/PeerService.ts';
import type { PeerWorker as _skein_peer_v1_PeerWorker, PeerWorker__Output as _skein_peer_v1_PeerWorker__Output } from './skein/peer/v1/PeerWorker.ts';
import type { SlotWish as _skein_peer_v1_SlotWish, SlotWish__Output as _skein_peer_v1_SlotWish__Output } from './skein/peer/v1/SlotWish.ts';
import type { Slots as _skein_peer_v1_Slots, Slots__Output as _skein_peer_v1_Slots__Output } from './skein/peer/v1/Slots.ts';
import type { TalkRequest as _skein_peer_v1_TalkRequest, TalkRequest__Output as _skein_peer_v1_TalkRequest__Output } from './skein/peer/v1/TalkRequest.ts';
import type { TalkResponse as _skein_peer_v1_TalkResponse, TalkResponse__Output as _skein_peer_v1_TalkResponse__Output } from './skein/peer/v1/TalkResponse.ts';
import type { ToWorker as _skein_peer_v1_ToWorker, ToWorker__Output as _skein_peer_v1_ToWorker__Output } from './skein/peer/v1/ToWorker.ts';
import type { Wake as _skein_peer_v1_Wake, Wake__Output as _skein_peer_v1_Wake__Output } from './skein/peer/v1/Wake.ts';
import type { Watching as _skein_peer_v1_Watching, Watching__Output as _skein_peer_v1_Watching__Output } from './skein/peer/v1/Watching.ts';
import type { Wish as _skein_peer_v1_Wish, Wish__Output as _skein_peer_v1_Wish__Output } from './skein/peer/v1/Wish.ts';
import type { WokenRun as _skein_peer_v1_WokenRun, WokenRun__Output as _skein_peer_v1_WokenRun__Output } from './skein/peer/v1/WokenRun.ts';
import type { WorkerGone as _skein_peer_v1_WorkerGone, WorkerGone__Output as _skein_peer_v1_WorkerGone__Output } from './skein/peer/v1/WorkerGone.ts';
import type { WorkerHoldings as _skein_peer_v1_WorkerHoldings, WorkerHoldings__Output as _skein_peer_v1_WorkerHoldings__Output } from './skein/peer/v1/WorkerHoldings.ts';
import type { Cancel as _skein_worker_v1_Cancel, Cancel__Output as _skein_worker_v1_Cancel__Output } from './skein/worker/v1/Cancel.ts';
import type { Checkpoint as _skein_worker_v1_Checkpoint, Checkpoint__Output as _skein_worker_v1_Checkpoint__Output } from './skein/worker/v1/Checkpoint.ts';
import type { CheckpointRecorded as _skein_worker_v1_CheckpointRecorded, CheckpointRecorded__Output as _skein_worker_v1_CheckpointRecorded__Output } from './skein/worker/v1/CheckpointRecorded.ts';
import type { CoordinatorMessage as _skein_worker_v1_CoordinatorMessage, CoordinatorMessage__Output as _skein_worker_v1_CoordinatorMessage__Output } from './skein/worker/v1/CoordinatorMessage.ts';
import type { Credits as _skein_worker_v1_Credits, Credits__Output as _skein_worker_v1_Credits__Output } from './skein/worker/v1/Credits.ts';
import type { Drain as _skein_worker_v1_Drain, Drain__Output as _skein_worker_v1_Drain__Output } from './skein/worker/v1/Drain.ts';
import type { Draining as _skein_worker_v1_Draining, Draining__Output as _skein_worker_v1_Draining__Output } from './skein/worker/v1/Draining.ts';
import type { ErrorData as _skein_worker_v1_ErrorData, ErrorData__Output as _skein_worker_v1_ErrorData__Output } from './skein/worker/v1/ErrorData.ts';
import type { Evicted as _skein_worker_v1_Evicted, Evicted__Output as _skein_worker_v1_Evicted__Output } from './skein/worker/v1/Evicted.ts';
import type { FetchBlobRequest as _skein_worker_v1_FetchBlobRequest, FetchBlobRequest__Output as _skein_worker_v1_FetchBlobRequest__Output } from './skein/worker/v1/FetchBlobRequest.ts';
import type { FetchBlobResponse as _skein_worker_v1_FetchBlobResponse, FetchBlobResponse__Output as _skein_worker_v1_FetchBlobResponse__Output } from './skein/worker/v1/FetchBlobResponse.ts';
import type { FetchPartRequest as _skein_worker_v1_FetchPartRequest, FetchPartRequest__Output as _skein_worker_v1_FetchPartRequest__Output } from './skein/worker/v1/FetchPartRequest.ts';
import type { FetchPartResponse as _skein_worker_v1_FetchPartResponse, FetchPartResponse__Output as _skein_worker_v1_FetchPartResponse__Output } from './skein/worker/v1/FetchPartResponse.ts';
import type { FetchSnapshotRequest as _skein_worker_v1_FetchSnapshotRequest, FetchSnapshotRequest__Output as _skein_worker_v1_FetchSnapshotRequest__Output } from './skein/worker/v1/FetchSnapshotRequest.ts';
import type { FetchSnapshotResponse as _skein_worker_v1_FetchSnapshotResponse, FetchSnapshotResponse__Output as _skein_worker_v1_FetchSnapshotResponse__Output } from './skein/worker/v1/FetchSnapshotResponse.ts';
import type { GaveUp as _skein_worker_v1_GaveUp, GaveUp__Output as _skein_worker_v1_GaveUp__Output } from './skein/worker/v1/GaveUp.ts';
import type { Goodbye as _skein_worker_v1_Goodbye, Goodbye__Output as _skein_worker_v1_Goodbye__Output } from './skein/worker/v1/Goodbye.ts';
import type { Heartbeat as _skein_worker_v1_Heartbeat, Heartbeat__Output as _skein_worker_v1_Heartbeat__Output } from './skein/worker/v1/Heartbeat.ts';
import type { HeartbeatAnswer as _skein_worker_v1_HeartbeatAnswer, HeartbeatAnswer__Output as _skein_worker_v1_HeartbeatAnswer__Output } from './skein/worker/v1/HeartbeatAnswer.ts';
import type { HeldTask as _skein_worker_v1_HeldTask, HeldTask__Output as _skein_worker_v1_HeldTask__Output } from './skein/worker/v1/HeldTask.ts';
import type { Hello as _skein_worker_v1_Hello, Hello__Output as _skein_worker_v1_Hello__Output } from './skein/worker/v1/Hello.ts';
import type { Log as _skein_worker_v1_Log, Log__Output as _skein_worker_v1_Log__Output } from './skein/worker/v1/Log.ts';
import type { MemoryProposal as _skein_worker_v1_MemoryProposal, MemoryProposal__Output as _skein_worker_v1_MemoryProposal__Output } from './skein/worker/v1/MemoryProposal.ts';
import type { MessagesPresented as _skein_worker_v1_MessagesPresented, MessagesPresented__Output as _skein_worker_v1_MessagesPresented__Output } from './skein/worker/v1/MessagesPresented.ts';
import type { MessagesReceived as _skein_worker_v1_MessagesReceived, MessagesReceived__Output as _skein_worker_v1_MessagesReceived__Output } from './skein/worker/v1/MessagesReceived.ts';
import type { Playback as _skein_worker_v1_Playback, Playback__Output as _skein_worker_v1_Playback__Output } from './skein/worker/v1/Playback.ts';
import type { ReadSecretRequest as _skein_worker_v1_ReadSecretRequest, ReadSecretRequest__Output as _skein_worker_v1_ReadSecretRequest__Output } from './skein/worker/v1/ReadSecretRequest.ts';
import type { ReadSecretResponse as _skein_worker_v1_ReadSecretResponse, ReadSecretResponse__Output as _skein_worker_v1_ReadSecretResponse__Output } from './skein/worker/v1/ReadSecretResponse.ts';
import type { Received as _skein_worker_v1_Received, Received__Output as _skein_worker_v1_Received__Output } from './skein/worker/v1/Received.ts';
import type { Refused as _skein_worker_v1_Refused, Refused__Output as _skein_worker_v1_Refused__Output } from './skein/worker/v1/Refused.ts';
import type { ReportExitRequest as _skein_worker_v1_ReportExitRequest, ReportExitRequest__Output as _skein_worker_v1_ReportExitRequest__Output } from './skein/worker/v1/ReportExitRequest.ts';
import type { ReportExitResponse as _skein_worker_v1_ReportExitResponse, ReportExitResponse__Output as _skein_worker_v1_ReportExitResponse__Output } from './skein/worker/v1/ReportExitResponse.ts';
import type { ResultAcknowledged as _skein_worker_v1_ResultAcknowledged, ResultAcknowledged__Output as _skein_worker_v1_ResultAcknowledged__Output } from './skein/worker/v1/ResultAcknowledged.ts';
import type { Resume as _skein_worker_v1_Resume, Resume__Output as _skein_worker_v1_Resume__Output } from './skein/worker/v1/Resume.ts';
import type { Revoke as _skein_worker_v1_Revoke, Revoke__Output as _skein_worker_v1_Revoke__Output } from './skein/worker/v1/Revoke.ts';
import type { Snapshot as _skein_worker_v1_Snapshot, Snapshot__Output as _skein_worker_v1_Snapshot__Output } from './skein/worker/v1/Snapshot.ts';
import type { Started as _skein_worker_v1_Started, Started__Output as _skein_worker_v1_Started__Output } from './skein/worker/v1/Started.ts';
import type { StoreBlobHeader as _skein_worker_v1_StoreBlobHeader, StoreBlobHeader__Output as _skein_worker_v1_StoreBlobHeader__Output } from './skein/worker/v1/StoreBlobHeader.ts';
import type { StoreBlobRequest as _skein_worker_v1_StoreBlobRequest, StoreBlobRequest__Output as _skein_worker_v1_StoreBlobRequest__Output } from './skein/worker/v1/StoreBlobRequest.ts';
import type { StoreBlobResponse as _skein_worker_v1_StoreBlobResponse, StoreBlobResponse__Output as _skein_worker_v1_StoreBlobResponse__Output } from './skein/worker/v1/StoreBlobResponse.ts';
import type { TaskMessage as _skein_worker_v1_TaskMessage, TaskMessage__Output as _skein_worker_v1_TaskMessage__Output } from './skein/worker/v1/TaskMessage.ts';
import type { TaskOffer as _skein_worker_v1_TaskOffer, TaskOffer__Output as _skein_worker_v1_TaskOffer__Output } from './skein/worker/v1/TaskOffer.ts';
import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from './skein/worker/v1/TaskRef.ts';
import type { TaskResult as _skein_worker_v1_TaskResult, TaskResult__Output as _skein_worker_v1_TaskResult__Output } from './skein/worker/v1/TaskResult.ts';
import type { Usage as _skein_worker_v1_Usage, Usage__Output as _skein_worker_v1_Usage__Output } from './skein/worker/v1/Usage.ts';
import type { Welcome as _skein_worker_v1_Welcome, Welcome__Output as _skein_worker_v1_Welcome__Output } from './skein/worker/v1/Welcome.ts';
import type { WorkRequest as _skein_worker_v1_WorkRequest, WorkRequest__Output as _skein_worker_v1_WorkRequest__Output } from './skein/worker/v1/WorkRequest.ts';
import type { WorkResponse as _skein_worker_v1_WorkResponse, WorkResponse__Output as _skein_worker_v1_WorkResponse__Output } from './skein/worker/v1/WorkResponse.ts';
import type { WorkerInfo as _skein_worker_v1_WorkerInfo, WorkerInfo__Output as _skein_worker_v1_WorkerInfo__Output } from './skein/worker/v1/WorkerInfo.ts';
import type { WorkerMessage as _skein_worker_v1_WorkerMessage, WorkerMessage__Output as _skein_worker_v1_WorkerMessage__Output } from './skein/worker/v1/WorkerMessage.ts';
import type { WorkerServiceClient as _skein_worker_v1_WorkerServiceClient, WorkerServiceDefinition as _skein_worker_v1_WorkerServiceDefinition } from './skein/worker/v1/WorkerService.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  skein: {
    peer: {
      v1: {
        Alive: MessageTypeDefinition<_skein_peer_v1_Alive, _skein_peer_v1_Alive__Output>
        Appended: MessageTypeDefinition<_skein_peer_v1_Appended, _skein_peer_v1_Appended__Output>
        CallRequest: MessageTypeDefinition<_skein_peer_v1_CallRequest, _skein_peer_v1_CallRequest__Output>
        CallResponse: MessageTypeDefinition<_skein_peer_v1_CallResponse, _skein_peer_v1_CallResponse__Output>
        Changed: MessageTypeDefinition<_skein_peer_v1_Changed, _skein_peer_v1_Changed__Output>
        Exited: MessageTypeDefinition<_skein_peer_v1_Exited, _skein_peer_v1_Exited__Output>
        FreeSlots: MessageTypeDefinition<_skein_peer_v1_FreeSlots, _skein_peer_v1_FreeSlots__Output>
        FromWorker: MessageTypeDefinition<_skein_peer_v1_FromWorker, _skein_peer_v1_FromWorker__Output>
        GiveBack: MessageTypeDefinition<_skein_peer_v1_GiveBack, _skein_peer_v1_GiveBack__Output>
        Grant: MessageTypeDefinition<_skein_peer_v1_Grant, _skein_peer_v1_Grant__Output>
        Holdings: MessageTypeDefinition<_skein_peer_v1_Holdings, _skein_peer_v1_Holdings__Output>
        Home: MessageTypeDefinition<_skein_peer_v1_Home, _skein_peer_v1_Home__Output>
        Homes: MessageTypeDefinition<_skein_peer_v1_Homes, _skein_peer_v1_Homes__Output>
        Leaving: MessageTypeDefinition<_skein_peer_v1_Leaving, _skein_peer_v1_Leaving__Output>
        PeerHello: MessageTypeDefinition<_skein_peer_v1_PeerHello, _skein_peer_v1_PeerHello__Output>
        PeerMessage: MessageTypeDefinition<_skein_peer_v1_PeerMessage, _skein_peer_v1_PeerMessage__Output>
        PeerService: SubtypeConstructor<typeof grpc.Client, _skein_peer_v1_PeerServiceClient> & { service: _skein_peer_v1_PeerServiceDefinition }
        PeerWorker: MessageTypeDefinition<_skein_peer_v1_PeerWorker, _skein_peer_v1_PeerWorker__Output>
        SlotWish: MessageTypeDefinition<_skein_peer_v1_SlotWish, _skein_peer_v1_SlotWish__Output>
        Slots: MessageTypeDefinition<_skein_peer_v1_Slots, _skein_peer_v1_Slots__Output>
        TalkRequest: MessageTypeDefinition<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkRequest__Output>
        TalkResponse: MessageTypeDefinition<_skein_peer_v1_TalkResponse, _skein_peer_v1_TalkResponse__Output>
        ToWorker: MessageTypeDefinition<_skein_peer_v1_ToWorker, _skein_peer_v1_ToWorker__Output>
        Wake: MessageTypeDefinition<_skein_peer_v1_Wake, _skein_peer_v1_Wake__Output>
        Watching: MessageTypeDefinition<_skein_peer_v1_Watching, _skein_peer_v1_Watching__Output>
        Wish: MessageTypeDefinition<_skein_peer_v1_Wish, _skein_peer_v1_Wish__Output>
        WokenRun: MessageTypeDefinition<_skein_peer_v1_WokenRun, _skein_peer_v1_WokenRun__Output>
        WorkerGone: MessageTypeDefinition<_skein_peer_v1_WorkerGone, _skein_peer_v1_WorkerGone__Output>
        WorkerHoldings: MessageTypeDefinition<_skein_peer_v1_WorkerHoldings, _skein_peer_v1_WorkerHoldings__Output>
      }
    }
    worker: {
      v1: {
        Cancel: MessageTypeDefinition<_skein_worker_v1_Cancel, _skein_worker_v1_Cancel__Output>
        Checkpoint: MessageTypeDefinition<_skein_worker_v1_Checkpoint, _skein_worker_v1_Checkpoint__Output>
        CheckpointRecorded: MessageTypeDefinition<_skein_worker_v1_CheckpointRecorded, _skein_worker_v1_CheckpointRecorded__Output>
        CoordinatorMessage: MessageTypeDefinition<_skein_worker_v1_CoordinatorMessage, _skein_worker_v1_CoordinatorMessage__Output>
        Credits: MessageTypeDefinition<_skein_worker_v1_Credits, _skein_worker_v1_Credits__Output>
        Drain: MessageTypeDefinition<_skein_worker_v1_Drain, _skein_worker_v1_Drain__Output>
        Draining: MessageTypeDefinition<_skein_worker_v1_Draining, _skein_worker_v1_Draining__Output>
        ErrorData: MessageTypeDefinition<_skein_worker_v1_ErrorData, _skein_worker_v1_ErrorData__Output>
        Evicted: MessageTypeDefinition<_skein_worker_v1_Evicted, _skein_worker_v1_Evicted__Output>
        FetchBlobRequest: MessageTypeDefinition<_skein_worker_v1_FetchBlobRequest, _skein_worker_v1_FetchBlobRequest__Output>
        FetchBlobResponse: MessageTypeDefinition<_skein_worker_v1_FetchBlobResponse, _skein_worker_v1_FetchBlobResponse__Output>
        FetchPartRequest: MessageTypeDefinition<_skein_worker_v1_FetchPartRequest, _skein_worker_v1_FetchPartRequest__Output>
        FetchPartResponse: MessageTypeDefinition<_skein_worker_v1_FetchPartResponse, _skein_worker_v1_FetchPartResponse__Output>
        FetchSnapshotRequest: MessageTypeDefinition<_skein_worker_v1_FetchSnapshotRequest, _skein_worker_v1_FetchSnapshotRequest__Output>
        FetchSnapshotResponse: MessageTypeDefinition<_skein_worker_v1_FetchSnapshotResponse, _skein_worker_v1_FetchSnapshotResponse__Output>
        GaveUp: MessageTypeDefinition<_skein_worker_v1_GaveUp, _skein_worker_v1_GaveUp__Output>
        Goodbye: MessageTypeDefinition<_skein_worker_v1_Goodbye, _skein_worker_v1_Goodbye__Output>
        Heartbeat: MessageTypeDefinition<_skein_worker_v1_Heartbeat, _skein_worker_v1_Heartbeat__Output>
        HeartbeatAnswer: MessageTypeDefinition<_skein_worker_v1_HeartbeatAnswer, _skein_worker_v1_HeartbeatAnswer__Output>
        HeldTask: MessageTypeDefinition<_skein_worker_v1_HeldTask, _skein_worker_v1_HeldTask__Output>
        Hello: MessageTypeDefinition<_skein_worker_v1_Hello, _skein_worker_v1_Hello__Output>
        Log: MessageTypeDefinition<_skein_worker_v1_Log, _skein_worker_v1_Log__Output>
        MemoryProposal: MessageTypeDefinition<_skein_worker_v1_MemoryProposal, _skein_worker_v1_MemoryProposal__Output>
        MessagesPresented: MessageTypeDefinition<_skein_worker_v1_MessagesPresented, _skein_worker_v1_MessagesPresented__Output>
        MessagesReceived: MessageTypeDefinition<_skein_worker_v1_MessagesReceived, _skein_worker_v1_MessagesReceived__Output>
        Playback: MessageTypeDefinition<_skein_worker_v1_Playback, _skein_worker_v1_Playback__Output>
        ReadSecretRequest: MessageTypeDefinition<_skein_worker_v1_ReadSecretRequest, _skein_worker_v1_ReadSecretRequest__Output>
        ReadSecretResponse: MessageTypeDefinition<_skein_worker_v1_ReadSecretResponse, _skein_worker_v1_ReadSecretResponse__Output>
        Received: MessageTypeDefinition<_skein_worker_v1_Received, _skein_worker_v1_Received__Output>
        Refused: MessageTypeDefinition<_skein_worker_v1_Refused, _skein_worker_v1_Refused__Output>
        ReportExitRequest: MessageTypeDefinition<_skein_worker_v1_ReportExitRequest, _skein_worker_v1_ReportExitRequest__Output>
        ReportExitResponse: MessageTypeDefinition<_skein_worker_v1_ReportExitResponse, _skein_worker_v1_ReportExitResponse__Output>
        ResultAcknowledged: MessageTypeDefinition<_skein_worker_v1_ResultAcknowledged, _skein_worker_v1_ResultAcknowledged__Output>
        Resume: MessageTypeDefinition<_skein_worker_v1_Resume, _skein_worker_v1_Resume__Output>
        Revoke: MessageTypeDefinition<_skein_worker_v1_Revoke, _skein_worker_v1_Revoke__Output>
        Snapshot: MessageTypeDefinition<_skein_worker_v1_Snapshot, _skein_worker_v1_Snapshot__Output>
        Started: MessageTypeDefinition<_skein_worker_v1_Started, _skein_worker_v1_Started__Output>
        StoreBlobHeader: MessageTypeDefinition<_skein_worker_v1_StoreBlobHeader, _skein_worker_v1_StoreBlobHeader__Output>
        StoreBlobRequest: MessageTypeDefinition<_skein_worker_v1_StoreBlobRequest, _skein_worker_v1_StoreBlobRequest__Output>
        StoreBlobResponse: MessageTypeDefinition<_skein_worker_v1_StoreBlobResponse, _skein_worker_v1_StoreBlobResponse__Output>
        TaskMessage: MessageTypeDefinition<_skein_worker_v1_TaskMessage, _skein_worker_v1_TaskMessage__Output>
        TaskOffer: MessageTypeDefinition<_skein_worker_v1_TaskOffer, _skein_worker_v1_TaskOffer__Output>
        TaskRef: MessageTypeDefinition<_skein_worker_v1_TaskRef, _skein_worker_v1_TaskRef__Output>
        TaskResult: MessageTypeDefinition<_skein_worker_v1_TaskResult, _skein_worker_v1_TaskResult__Output>
        Usage: MessageTypeDefinition<_skein_worker_v1_Usage, _skein_worker_v1_Usage__Output>
        Welcome: MessageTypeDefinition<_skein_worker_v1_Welcome, _skein_worker_v1_Welcome__Output>
        WorkRequest: MessageTypeDefinition<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkRequest__Output>
        WorkResponse: MessageTypeDefinition<_skein_worker_v1_WorkResponse, _skein_worker_v1_WorkResponse__Output>
        WorkerInfo: MessageTypeDefinition<_skein_worker_v1_WorkerInfo, _skein_worker_v1_WorkerInfo__Output>
        WorkerMessage: MessageTypeDefinition<_skein_worker_v1_WorkerMessage, _skein_worker_v1_WorkerMessage__Output>
        WorkerService: SubtypeConstructor<typeof grpc.Client, _skein_worker_v1_WorkerServiceClient> & { service: _skein_worker_v1_WorkerServiceDefinition }
      }
    }
  }
}

