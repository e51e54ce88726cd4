// Original file: proto/skein/worker/v1/worker.proto


export interface FetchBlobResponse {
  'chunk'?: (Buffer | Uint8Array | string);
}

export interface FetchBlobResponse__Output {
  'chunk': (Buffer);
}
