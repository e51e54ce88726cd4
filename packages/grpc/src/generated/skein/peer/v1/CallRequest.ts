// Original file: proto/skein/peer/v1/peer.proto


export interface CallRequest {
  'method'?: (string);
  'argsJson'?: (string);
}

export interface CallRequest__Output {
  'method': (string);
  'argsJson': (string);
}
