// Original file: proto/skein/peer/v1/peer.proto


export interface GiveBack {
  'workerId'?: (string);
  'sessionId'?: (string);
  'count'?: (number);
}

export interface GiveBack__Output {
  'workerId': (string);
  'sessionId': (string);
  'count': (number);
}
