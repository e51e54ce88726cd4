// Original file: proto/skein/worker/v1/worker.proto


export interface FanoutItem {
  'index'?: (number);
  'valueJson'?: (string);
}

export interface FanoutItem__Output {
  'index': (number);
  'valueJson': (string);
}
