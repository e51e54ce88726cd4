// Original file: proto/skein/worker/v1/worker.proto


export interface ReadSecretResponse {
  'value'?: (string);
}

export interface ReadSecretResponse__Output {
  'value': (string);
}
