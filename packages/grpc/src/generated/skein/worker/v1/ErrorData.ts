// Original file: proto/skein/worker/v1/worker.proto


export interface ErrorData {
  'code'?: (string);
  'message'?: (string);
  'detailsJson'?: (string);
  '_detailsJson'?: "detailsJson";
}

export interface ErrorData__Output {
  'code': (string);
  'message': (string);
  'detailsJson'?: (string);
  '_detailsJson'?: "detailsJson";
}
