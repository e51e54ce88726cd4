// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface Usage {
  'turns'?: (number | string | Long);
  'toolCalls'?: (number | string | Long);
  'inputTokens'?: (number | string | Long);
  'outputTokens'?: (number | string | Long);
  'schemaRepairs'?: (number | string | Long);
  'costUsd'?: (number | string);
  'model'?: (string);
  'toolErrors'?: (number | string | Long);
  'divergedCalls'?: (number | string | Long);
  '_costUsd'?: "costUsd";
  '_model'?: "model";
  '_toolErrors'?: "toolErrors";
  '_divergedCalls'?: "divergedCalls";
}

export interface Usage__Output {
  'turns': (number);
  'toolCalls': (number);
  'inputTokens': (number);
  'outputTokens': (number);
  'schemaRepairs': (number);
  'costUsd'?: (number);
  'model'?: (string);
  'toolErrors'?: (number);
  'divergedCalls'?: (number);
  '_costUsd'?: "costUsd";
  '_model'?: "model";
  '_toolErrors'?: "toolErrors";
  '_divergedCalls'?: "divergedCalls";
}
