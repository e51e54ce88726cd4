// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { Long } from '@grpc/proto-loader';

export interface TaskMessage {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'messageId'?: (string);
  'number'?: (number | string | Long);
  'sender'?: (string);
  'mode'?: (string);
  'text'?: (string);
  'at'?: (number | string | Long);
  'expiresAt'?: (number | string | Long);
  'requireAck'?: (boolean);
  'wantsReply'?: (boolean);
  '_expiresAt'?: "expiresAt";
}

export interface TaskMessage__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'messageId': (string);
  'number': (number);
  'sender': (string);
  'mode': (string);
  'text': (string);
  'at': (number);
  'expiresAt'?: (number);
  'requireAck': (boolean);
  'wantsReply': (boolean);
  '_expiresAt'?: "expiresAt";
}
