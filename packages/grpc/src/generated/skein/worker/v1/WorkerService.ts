// Original file: proto/skein/worker/v1/worker.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { FetchBlobRequest as _skein_worker_v1_FetchBlobRequest, FetchBlobRequest__Output as _skein_worker_v1_FetchBlobRequest__Output } from '../../../skein/worker/v1/FetchBlobRequest.ts';
import type { FetchBlobResponse as _skein_worker_v1_FetchBlobResponse, FetchBlobResponse__Output as _skein_worker_v1_FetchBlobResponse__Output } from '../../../skein/worker/v1/FetchBlobResponse.ts';
import type { FetchPartRequest as _skein_worker_v1_FetchPartRequest, FetchPartRequest__Output as _skein_worker_v1_FetchPartRequest__Output } from '../../../skein/worker/v1/FetchPartRequest.ts';
import type { FetchPartResponse as _skein_worker_v1_FetchPartResponse, FetchPartResponse__Output as _skein_worker_v1_FetchPartResponse__Output } from '../../../skein/worker/v1/FetchPartResponse.ts';
import type { FetchSnapshotRequest as _skein_worker_v1_FetchSnapshotRequest, FetchSnapshotRequest__Output as _skein_worker_v1_FetchSnapshotRequest__Output } from '../../../skein/worker/v1/FetchSnapshotRequest.ts';
import type { FetchSnapshotResponse as _skein_worker_v1_FetchSnapshotResponse, FetchSnapshotResponse__Output as _skein_worker_v1_FetchSnapshotResponse__Output } from '../../../skein/worker/v1/FetchSnapshotResponse.ts';
import type { ReadSecretRequest as _skein_worker_v1_ReadSecretRequest, ReadSecretRequest__Output as _skein_worker_v1_ReadSecretRequest__Output } from '../../../skein/worker/v1/ReadSecretRequest.ts';
import type { ReadSecretResponse as _skein_worker_v1_ReadSecretResponse, ReadSecretResponse__Output as _skein_worker_v1_ReadSecretResponse__Output } from '../../../skein/worker/v1/ReadSecretResponse.ts';
import type { ReportExitRequest as _skein_worker_v1_ReportExitRequest, ReportExitRequest__Output as _skein_worker_v1_ReportExitRequest__Output } from '../../../skein/worker/v1/ReportExitRequest.ts';
import type { ReportExitResponse as _skein_worker_v1_ReportExitResponse, ReportExitResponse__Output as _skein_worker_v1_ReportExitResponse__Output } from '../../../skein/worker/v1/ReportExitResponse.ts';
import type { StoreBlobRequest as _skein_worker_v1_StoreBlobRequest, StoreBlobRequest__Output as _skein_worker_v1_StoreBlobRequest__Output } from '../../../skein/worker/v1/StoreBlobRequest.ts';
import type { StoreBlobResponse as _skein_worker_v1_StoreBlobResponse, StoreBlobResponse__Output as _skein_worker_v1_StoreBlobResponse__Output } from '../../../skein/worker/v1/StoreBlobResponse.ts';
import type { WorkRequest as _skein_worker_v1_WorkRequest, WorkRequest__Output as _skein_worker_v1_WorkRequest__Output } from '../../../skein/worker/v1/WorkRequest.ts';
import type { WorkResponse as _skein_worker_v1_WorkResponse, WorkResponse__Output as _skein_worker_v1_WorkResponse__Output } from '../../../skein/worker/v1/WorkResponse.ts';

export interface WorkerServiceClient extends grpc.Client {
  FetchBlob(argument: _skein_worker_v1_FetchBlobRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchBlobResponse__Output>;
  FetchBlob(argument: _skein_worker_v1_FetchBlobRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchBlobResponse__Output>;
  fetchBlob(argument: _skein_worker_v1_FetchBlobRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchBlobResponse__Output>;
  fetchBlob(argument: _skein_worker_v1_FetchBlobRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchBlobResponse__Output>;
  
  FetchPart(argument: _skein_worker_v1_FetchPartRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchPartResponse__Output>;
  FetchPart(argument: _skein_worker_v1_FetchPartRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchPartResponse__Output>;
  fetchPart(argument: _skein_worker_v1_FetchPartRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchPartResponse__Output>;
  fetchPart(argument: _skein_worker_v1_FetchPartRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchPartResponse__Output>;
  
  FetchSnapshot(argument: _skein_worker_v1_FetchSnapshotRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchSnapshotResponse__Output>;
  FetchSnapshot(argument: _skein_worker_v1_FetchSnapshotRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchSnapshotResponse__Output>;
  fetchSnapshot(argument: _skein_worker_v1_FetchSnapshotRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchSnapshotResponse__Output>;
  fetchSnapshot(argument: _skein_worker_v1_FetchSnapshotRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_skein_worker_v1_FetchSnapshotResponse__Output>;
  
  ReadSecret(argument: _skein_worker_v1_ReadSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  ReadSecret(argument: _skein_worker_v1_ReadSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  ReadSecret(argument: _skein_worker_v1_ReadSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  ReadSecret(argument: _skein_worker_v1_ReadSecretRequest, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  readSecret(argument: _skein_worker_v1_ReadSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  readSecret(argument: _skein_worker_v1_ReadSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  readSecret(argument: _skein_worker_v1_ReadSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  readSecret(argument: _skein_worker_v1_ReadSecretRequest, callback: grpc.requestCallback<_skein_worker_v1_ReadSecretResponse__Output>): grpc.ClientUnaryCall;
  
  ReportExit(argument: _skein_worker_v1_ReportExitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  ReportExit(argument: _skein_worker_v1_ReportExitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  ReportExit(argument: _skein_worker_v1_ReportExitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  ReportExit(argument: _skein_worker_v1_ReportExitRequest, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  reportExit(argument: _skein_worker_v1_ReportExitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  reportExit(argument: _skein_worker_v1_ReportExitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  reportExit(argument: _skein_worker_v1_ReportExitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  reportExit(argument: _skein_worker_v1_ReportExitRequest, callback: grpc.requestCallback<_skein_worker_v1_ReportExitResponse__Output>): grpc.ClientUnaryCall;
  
  StoreBlob(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  StoreBlob(metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  StoreBlob(options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  StoreBlob(callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  storeBlob(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  storeBlob(metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  storeBlob(options: grpc.CallOptions, callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  storeBlob(callback: grpc.requestCallback<_skein_worker_v1_StoreBlobResponse__Output>): grpc.ClientWritableStream<_skein_worker_v1_StoreBlobRequest>;
  
  Work(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkResponse__Output>;
  Work(options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkResponse__Output>;
  work(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkResponse__Output>;
  work(options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkResponse__Output>;
  
}

export interface WorkerServiceHandlers extends grpc.UntypedServiceImplementation {
  FetchBlob: grpc.handleServerStreamingCall<_skein_worker_v1_FetchBlobRequest__Output, _skein_worker_v1_FetchBlobResponse>;
  
  FetchPart: grpc.handleServerStreamingCall<_skein_worker_v1_FetchPartRequest__Output, _skein_worker_v1_FetchPartResponse>;
  
  FetchSnapshot: grpc.handleServerStreamingCall<_skein_worker_v1_FetchSnapshotRequest__Output, _skein_worker_v1_FetchSnapshotResponse>;
  
  ReadSecret: grpc.handleUnaryCall<_skein_worker_v1_ReadSecretRequest__Output, _skein_worker_v1_ReadSecretResponse>;
  
  ReportExit: grpc.handleUnaryCall<_skein_worker_v1_ReportExitRequest__Output, _skein_worker_v1_ReportExitResponse>;
  
  StoreBlob: grpc.handleClientStreamingCall<_skein_worker_v1_StoreBlobRequest__Output, _skein_worker_v1_StoreBlobResponse>;
  
  Work: grpc.handleBidiStreamingCall<_skein_worker_v1_WorkRequest__Output, _skein_worker_v1_WorkResponse>;
  
}

export interface WorkerServiceDefinition extends grpc.ServiceDefinition {
  FetchBlob: MethodDefinition<_skein_worker_v1_FetchBlobRequest, _skein_worker_v1_FetchBlobResponse, _skein_worker_v1_FetchBlobRequest__Output, _skein_worker_v1_FetchBlobResponse__Output>
  FetchPart: MethodDefinition<_skein_worker_v1_FetchPartRequest, _skein_worker_v1_FetchPartResponse, _skein_worker_v1_FetchPartRequest__Output, _skein_worker_v1_FetchPartResponse__Output>
  FetchSnapshot: MethodDefinition<_skein_worker_v1_FetchSnapshotRequest, _skein_worker_v1_FetchSnapshotResponse, _skein_worker_v1_FetchSnapshotRequest__Output, _skein_worker_v1_FetchSnapshotResponse__Output>
  ReadSecret: MethodDefinition<_skein_worker_v1_ReadSecretRequest, _skein_worker_v1_ReadSecretResponse, _skein_worker_v1_ReadSecretRequest__Output, _skein_worker_v1_ReadSecretResponse__Output>
  ReportExit: MethodDefinition<_skein_worker_v1_ReportExitRequest, _skein_worker_v1_ReportExitResponse, _skein_worker_v1_ReportExitRequest__Output, _skein_worker_v1_ReportExitResponse__Output>
  StoreBlob: MethodDefinition<_skein_worker_v1_StoreBlobRequest, _skein_worker_v1_StoreBlobResponse, _skein_worker_v1_StoreBlobRequest__Output, _skein_worker_v1_StoreBlobResponse__Output>
  Work: MethodDefinition<_skein_worker_v1_WorkRequest, _skein_worker_v1_WorkResponse, _skein_worker_v1_WorkRequest__Output, _skein_worker_v1_WorkResponse__Output>
}
