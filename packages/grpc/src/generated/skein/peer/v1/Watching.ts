// Original file: proto/skein/peer/v1/peer.proto


export interface Watching {
  'runIds'?: (string)[];
}

export interface Watching__Output {
  'runIds': (string)[];
}
