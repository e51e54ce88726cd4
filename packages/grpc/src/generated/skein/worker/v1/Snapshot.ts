// Original file: proto/skein/worker/v1/worker.proto


export interface Snapshot {
  'digest'?: (string);
  'envelope'?: (Buffer | Uint8Array | string);
  '_envelope'?: "envelope";
}

export interface Snapshot__Output {
  'digest': (string);
  'envelope'?: (Buffer);
  '_envelope'?: "envelope";
}
