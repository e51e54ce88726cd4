// Original file: proto/skein/peer/v1/peer.proto


export interface Grant {
  'workerId'?: (string);
  'sessionId'?: (string);
  'taskClass'?: (string);
  'count'?: (number);
}

export interface Grant__Output {
  'workerId': (string);
  'sessionId': (string);
  'taskClass': (string);
  'count': (number);
}
