// Original file: proto/skein/worker/v1/worker.proto

import type { Hello as _skein_worker_v1_Hello, Hello__Output as _skein_worker_v1_Hello__Output } from '../../../skein/worker/v1/Hello.ts';
import type { Credits as _skein_worker_v1_Credits, Credits__Output as _skein_worker_v1_Credits__Output } from '../../../skein/worker/v1/Credits.ts';
import type { Received as _skein_worker_v1_Received, Received__Output as _skein_worker_v1_Received__Output } from '../../../skein/worker/v1/Received.ts';
import type { Started as _skein_worker_v1_Started, Started__Output as _skein_worker_v1_Started__Output } from '../../../skein/worker/v1/Started.ts';
import type { Log as _skein_worker_v1_Log, Log__Output as _skein_worker_v1_Log__Output } from '../../../skein/worker/v1/Log.ts';
import type { TaskResult as _skein_worker_v1_TaskResult, TaskResult__Output as _skein_worker_v1_TaskResult__Output } from '../../../skein/worker/v1/TaskResult.ts';
import type { Heartbeat as _skein_worker_v1_Heartbeat, Heartbeat__Output as _skein_worker_v1_Heartbeat__Output } from '../../../skein/worker/v1/Heartbeat.ts';
import type { Evicted as _skein_worker_v1_Evicted, Evicted__Output as _skein_worker_v1_Evicted__Output } from '../../../skein/worker/v1/Evicted.ts';
import type { Draining as _skein_worker_v1_Draining, Draining__Output as _skein_worker_v1_Draining__Output } from '../../../skein/worker/v1/Draining.ts';
import type { Goodbye as _skein_worker_v1_Goodbye, Goodbye__Output as _skein_worker_v1_Goodbye__Output } from '../../../skein/worker/v1/Goodbye.ts';
import type { Checkpoint as _skein_worker_v1_Checkpoint, Checkpoint__Output as _skein_worker_v1_Checkpoint__Output } from '../../../skein/worker/v1/Checkpoint.ts';
import type { MessagesReceived as _skein_worker_v1_MessagesReceived, MessagesReceived__Output as _skein_worker_v1_MessagesReceived__Output } from '../../../skein/worker/v1/MessagesReceived.ts';
import type { MessagesPresented as _skein_worker_v1_MessagesPresented, MessagesPresented__Output as _skein_worker_v1_MessagesPresented__Output } from '../../../skein/worker/v1/MessagesPresented.ts';

export interface WorkerMessage {
  'hello'?: (_skein_worker_v1_Hello | null);
  'credits'?: (_skein_worker_v1_Credits | null);
  'received'?: (_skein_worker_v1_Received | null);
  'started'?: (_skein_worker_v1_Started | null);
  'log'?: (_skein_worker_v1_Log | null);
  'result'?: (_skein_worker_v1_TaskResult | null);
  'heartbeat'?: (_skein_worker_v1_Heartbeat | null);
  'evicted'?: (_skein_worker_v1_Evicted | null);
  'draining'?: (_skein_worker_v1_Draining | null);
  'goodbye'?: (_skein_worker_v1_Goodbye | null);
  'checkpoint'?: (_skein_worker_v1_Checkpoint | null);
  'messagesReceived'?: (_skein_worker_v1_MessagesReceived | null);
  'messagesPresented'?: (_skein_worker_v1_MessagesPresented | null);
  'payload'?: "hello"|"credits"|"received"|"started"|"log"|"result"|"heartbeat"|"evicted"|"draining"|"goodbye"|"checkpoint"|"messagesReceived"|"messagesPresented";
}

export interface WorkerMessage__Output {
  'hello'?: (_skein_worker_v1_Hello__Output | null);
  'credits'?: (_skein_worker_v1_Credits__Output | null);
  'received'?: (_skein_worker_v1_Received__Output | null);
  'started'?: (_skein_worker_v1_Started__Output | null);
  'log'?: (_skein_worker_v1_Log__Output | null);
  'result'?: (_skein_worker_v1_TaskResult__Output | null);
  'heartbeat'?: (_skein_worker_v1_Heartbeat__Output | null);
  'evicted'?: (_skein_worker_v1_Evicted__Output | null);
  'draining'?: (_skein_worker_v1_Draining__Output | null);
  'goodbye'?: (_skein_worker_v1_Goodbye__Output | null);
  'checkpoint'?: (_skein_worker_v1_Checkpoint__Output | null);
  'messagesReceived'?: (_skein_worker_v1_MessagesReceived__Output | null);
  'messagesPresented'?: (_skein_worker_v1_MessagesPresented__Output | null);
  'payload'?: "hello"|"credits"|"received"|"started"|"log"|"result"|"heartbeat"|"evicted"|"draining"|"goodbye"|"checkpoint"|"messagesReceived"|"messagesPresented";
}
