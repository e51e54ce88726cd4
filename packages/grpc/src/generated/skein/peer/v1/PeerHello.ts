// Original file: proto/skein/peer/v1/peer.proto


export interface PeerHello {
  'protocolMin'?: (number);
  'protocolMax'?: (number);
  'coordinatorId'?: (string);
  'incarnation'?: (string);
}

export interface PeerHello__Output {
  'protocolMin': (number);
  'protocolMax': (number);
  'coordinatorId': (string);
  'incarnation': (string);
}
