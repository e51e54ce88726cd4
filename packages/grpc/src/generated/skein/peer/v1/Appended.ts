// Original file: proto/skein/peer/v1/peer.proto


export interface Appended {
  'runIds'?: (string)[];
}

export interface Appended__Output {
  'runIds': (string)[];
}
