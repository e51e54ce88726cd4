// Original file: proto/skein/peer/v1/peer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CallRequest as _skein_peer_v1_CallRequest, CallRequest__Output as _skein_peer_v1_CallRequest__Output } from '../../../skein/peer/v1/CallRequest.ts';
import type { CallResponse as _skein_peer_v1_CallResponse, CallResponse__Output as _skein_peer_v1_CallResponse__Output } from '../../../skein/peer/v1/CallResponse.ts';
import type { TalkRequest as _skein_peer_v1_TalkRequest, TalkRequest__Output as _skein_peer_v1_TalkRequest__Output } from '../../../skein/peer/v1/TalkRequest.ts';
import type { TalkResponse as _skein_peer_v1_TalkResponse, TalkResponse__Output as _skein_peer_v1_TalkResponse__Output } from '../../../skein/peer/v1/TalkResponse.ts';

export interface PeerServiceClient extends grpc.Client {
  Call(argument: _skein_peer_v1_CallRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  Call(argument: _skein_peer_v1_CallRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  Call(argument: _skein_peer_v1_CallRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  Call(argument: _skein_peer_v1_CallRequest, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  call(argument: _skein_peer_v1_CallRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  call(argument: _skein_peer_v1_CallRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  call(argument: _skein_peer_v1_CallRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  call(argument: _skein_peer_v1_CallRequest, callback: grpc.requestCallback<_skein_peer_v1_CallResponse__Output>): grpc.ClientUnaryCall;
  
  Talk(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkResponse__Output>;
  Talk(options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkResponse__Output>;
  talk(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkResponse__Output>;
  talk(options?: grpc.CallOptions): grpc.ClientDuplexStream<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkResponse__Output>;
  
}

export interface PeerServiceHandlers extends grpc.UntypedServiceImplementation {
  Call: grpc.handleUnaryCall<_skein_peer_v1_CallRequest__Output, _skein_peer_v1_CallResponse>;
  
  Talk: grpc.handleBidiStreamingCall<_skein_peer_v1_TalkRequest__Output, _skein_peer_v1_TalkResponse>;
  
}

export interface PeerServiceDefinition extends grpc.ServiceDefinition {
  Call: MethodDefinition<_skein_peer_v1_CallRequest, _skein_peer_v1_CallResponse, _skein_peer_v1_CallRequest__Output, _skein_peer_v1_CallResponse__Output>
  Talk: MethodDefinition<_skein_peer_v1_TalkRequest, _skein_peer_v1_TalkResponse, _skein_peer_v1_TalkRequest__Output, _skein_peer_v1_TalkResponse__Output>
}
