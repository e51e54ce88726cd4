// Original file: proto/skein/worker/v1/worker.proto

import type { TaskRef as _skein_worker_v1_TaskRef, TaskRef__Output as _skein_worker_v1_TaskRef__Output } from '../../../skein/worker/v1/TaskRef.ts';
import type { FanoutItem as _skein_worker_v1_FanoutItem, FanoutItem__Output as _skein_worker_v1_FanoutItem__Output } from '../../../skein/worker/v1/FanoutItem.ts';
import type { Snapshot as _skein_worker_v1_Snapshot, Snapshot__Output as _skein_worker_v1_Snapshot__Output } from '../../../skein/worker/v1/Snapshot.ts';
import type { RunInfo as _skein_worker_v1_RunInfo, RunInfo__Output as _skein_worker_v1_RunInfo__Output } from '../../../skein/worker/v1/RunInfo.ts';
import type { Long } from '@grpc/proto-loader';

export interface TaskOffer {
  'task'?: (_skein_worker_v1_TaskRef | null);
  'tenant'?: (string);
  'dagName'?: (string);
  'stepId'?: (string);
  'definitionJson'?: (string);
  'refsJson'?: (string);
  'upstreamEnvJson'?: (string);
  'item'?: (_skein_worker_v1_FanoutItem | null);
  'agents'?: ({[key: string]: string});
  'snapshot'?: (_skein_worker_v1_Snapshot | null);
  'leaseMs'?: (number | string | Long);
  'traceparent'?: (string);
  'run'?: (_skein_worker_v1_RunInfo | null);
  '_traceparent'?: "traceparent";
}

export interface TaskOffer__Output {
  'task': (_skein_worker_v1_TaskRef__Output | null);
  'tenant': (string);
  'dagName': (string);
  'stepId': (string);
  'definitionJson': (string);
  'refsJson': (string);
  'upstreamEnvJson': (string);
  'item': (_skein_worker_v1_FanoutItem__Output | null);
  'agents': ({[key: string]: string});
  'snapshot': (_skein_worker_v1_Snapshot__Output | null);
  'leaseMs': (number);
  'traceparent'?: (string);
  'run': (_skein_worker_v1_RunInfo__Output | null);
  '_traceparent'?: "traceparent";
}
