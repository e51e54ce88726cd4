// Original file: proto/skein/peer/v1/peer.proto


export interface CallResponse {
  'answerJson'?: (string);
}

export interface CallResponse__Output {
  'answerJson': (string);
}
