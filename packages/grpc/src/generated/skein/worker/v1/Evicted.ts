// Original file: proto/skein/worker/v1/worker.proto


export interface Evicted {
  'digests'?: (string)[];
}

export interface Evicted__Output {
  'digests': (string)[];
}
