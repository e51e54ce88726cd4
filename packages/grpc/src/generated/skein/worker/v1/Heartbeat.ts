// Original file: proto/skein/worker/v1/worker.proto


export interface Heartbeat {
  'sentAtMs'?: (number | string);
  'running'?: (number);
}

export interface Heartbeat__Output {
  'sentAtMs': (number);
  'running': (number);
}
