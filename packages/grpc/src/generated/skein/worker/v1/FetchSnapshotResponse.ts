// Original file: proto/skein/worker/v1/worker.proto


export interface FetchSnapshotResponse {
  'chunk'?: (Buffer | Uint8Array | string);
}

export interface FetchSnapshotResponse__Output {
  'chunk': (Buffer);
}
