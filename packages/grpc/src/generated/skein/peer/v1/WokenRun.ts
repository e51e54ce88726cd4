// Original file: proto/skein/peer/v1/peer.proto


export interface WokenRun {
  'tenant'?: (string);
  'runId'?: (string);
}

export interface WokenRun__Output {
  'tenant': (string);
  'runId': (string);
}
