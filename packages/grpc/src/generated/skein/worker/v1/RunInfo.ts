// Original file: proto/skein/worker/v1/worker.proto


export interface RunInfo {
  'id'?: (string);
  'createdAt'?: (string);
  'paramsJson'?: (string);
}

export interface RunInfo__Output {
  'id': (string);
  'createdAt': (string);
  'paramsJson': (string);
}
