// Original file: proto/skein/peer/v1/peer.proto


export interface Changed {
  'tenant'?: (string);
  'what'?: (string);
}

export interface Changed__Output {
  'tenant': (string);
  'what': (string);
}
