// Original file: proto/skein/worker/v1/worker.proto

import type { Welcome as _skein_worker_v1_Welcome, Welcome__Output as _skein_worker_v1_Welcome__Output } from '../../../skein/worker/v1/Welcome.ts';
import type { TaskOffer as _skein_worker_v1_TaskOffer, TaskOffer__Output as _skein_worker_v1_TaskOffer__Output } from '../../../skein/worker/v1/TaskOffer.ts';
import type { ResultAcknowledged as _skein_worker_v1_ResultAcknowledged, ResultAcknowledged__Output as _skein_worker_v1_ResultAcknowledged__Output } from '../../../skein/worker/v1/ResultAcknowledged.ts';
import type { HeartbeatAnswer as _skein_worker_v1_HeartbeatAnswer, HeartbeatAnswer__Output as _skein_worker_v1_HeartbeatAnswer__Output } from '../../../skein/worker/v1/HeartbeatAnswer.ts';
import type { Cancel as _skein_worker_v1_Cancel, Cancel__Output as _skein_worker_v1_Cancel__Output } from '../../../skein/worker/v1/Cancel.ts';
import type { Revoke as _skein_worker_v1_Revoke, Revoke__Output as _skein_worker_v1_Revoke__Output } from '../../../skein/worker/v1/Revoke.ts';
import type { Drain as _skein_worker_v1_Drain, Drain__Output as _skein_worker_v1_Drain__Output } from '../../../skein/worker/v1/Drain.ts';
import type { Refused as _skein_worker_v1_Refused, Refused__Output as _skein_worker_v1_Refused__Output } from '../../../skein/worker/v1/Refused.ts';
import type { CheckpointRecorded as _skein_worker_v1_CheckpointRecorded, CheckpointRecorded__Output as _skein_worker_v1_CheckpointRecorded__Output } from '../../../skein/worker/v1/CheckpointRecorded.ts';
import type { TaskMessage as _skein_worker_v1_TaskMessage, TaskMessage__Output as _skein_worker_v1_TaskMessage__Output } from '../../../skein/worker/v1/TaskMessage.ts';

export interface CoordinatorMessage {
  'welcome'?: (_skein_worker_v1_Welcome | null);
  'offer'?: (_skein_worker_v1_TaskOffer | null);
  'resultAcknowledged'?: (_skein_worker_v1_ResultAcknowledged | null);
  'heartbeatAnswer'?: (_skein_worker_v1_HeartbeatAnswer | null);
  'cancel'?: (_skein_worker_v1_Cancel | null);
  'revoke'?: (_skein_worker_v1_Revoke | null);
  'drain'?: (_skein_worker_v1_Drain | null);
  'refused'?: (_skein_worker_v1_Refused | null);
  'checkpointRecorded'?: (_skein_worker_v1_CheckpointRecorded | null);
  'taskMessage'?: (_skein_worker_v1_TaskMessage | null);
  'payload'?: "welcome"|"offer"|"resultAcknowledged"|"heartbeatAnswer"|"cancel"|"revoke"|"drain"|"refused"|"checkpointRecorded"|"taskMessage";
}

export interface CoordinatorMessage__Output {
  'welcome'?: (_skein_worker_v1_Welcome__Output | null);
  'offer'?: (_skein_worker_v1_TaskOffer__Output | null);
  'resultAcknowledged'?: (_skein_worker_v1_ResultAcknowledged__Output | null);
  'heartbeatAnswer'?: (_skein_worker_v1_HeartbeatAnswer__Output | null);
  'cancel'?: (_skein_worker_v1_Cancel__Output | null);
  'revoke'?: (_skein_worker_v1_Revoke__Output | null);
  'drain'?: (_skein_worker_v1_Drain__Output | null);
  'refused'?: (_skein_worker_v1_Refused__Output | null);
  'checkpointRecorded'?: (_skein_worker_v1_CheckpointRecorded__Output | null);
  'taskMessage'?: (_skein_worker_v1_TaskMessage__Output | null);
  'payload'?: "welcome"|"offer"|"resultAcknowledged"|"heartbeatAnswer"|"cancel"|"revoke"|"drain"|"refused"|"checkpointRecorded"|"taskMessage";
}
