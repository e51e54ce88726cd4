// Original file: proto/skein/peer/v1/peer.proto


export interface WorkerGone {
  'workerId'?: (string);
  'sessionId'?: (string);
  'reason'?: (string);
}

export interface WorkerGone__Output {
  'workerId': (string);
  'sessionId': (string);
  'reason': (string);
}
