// Original file: proto/skein/worker/v1/worker.proto


export interface HeartbeatAnswer {
  'sentAtMs'?: (number | string);
}

export interface HeartbeatAnswer__Output {
  'sentAtMs': (number);
}
