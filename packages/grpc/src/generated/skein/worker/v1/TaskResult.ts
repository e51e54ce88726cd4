// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { ErrorData as _skein_worker_v1_ErrorData, ErrorData__Output as _skein_worker_v1_ErrorData__Output } from '../../../skein/worker/v1/ErrorData.ts';
import type { Usage as _skein_worker_v1_Usage, Usage__Output as _skein_worker_v1_Usage__Output } from '../../../skein/worker/v1/Usage.ts';
import type { MemoryProposal as _skein_worker_v1_MemoryProposal, MemoryProposal__Output as _skein_worker_v1_MemoryProposal__Output } from '../../../skein/worker/v1/MemoryProposal.ts';
import type { Long } from '@grpc/proto-loader';

export interface TaskResult {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'status'?: (string);
  'error'?: (_skein_worker_v1_ErrorData | null);
  'exitCode'?: (number | string | Long);
  'valuesJson'?: (string);
  'usage'?: (_skein_worker_v1_Usage | null);
  'continueOnOutput'?: (boolean);
  'durationMs'?: (number | string);
  'proposals'?: (_skein_worker_v1_MemoryProposal)[];
  '_exitCode'?: "exitCode";
  '_continueOnOutput'?: "continueOnOutput";
}

export interface TaskResult__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'status': (string);
  'error': (_skein_worker_v1_ErrorData__Output | null);
  'exitCode'?: (number);
  'valuesJson': (string);
  'usage': (_skein_worker_v1_Usage__Output | null);
  'continueOnOutput'?: (boolean);
  'durationMs': (number);
  'proposals': (_skein_worker_v1_MemoryProposal__Output)[];
  '_exitCode'?: "exitCode";
  '_continueOnOutput'?: "continueOnOutput";
}
