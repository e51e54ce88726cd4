// Original file: proto/skein/worker/v1/worker.proto


export interface StoreBlobResponse {
  'digest'?: (string);
}

export interface StoreBlobResponse__Output {
  'digest': (string);
}
