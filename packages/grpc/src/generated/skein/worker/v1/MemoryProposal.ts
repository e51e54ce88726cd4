// Original file: proto/skein/worker/v1/worker.proto


export interface MemoryProposal {
  'scope'?: (string);
  'op'?: (string);
  'text'?: (string);
  'basis'?: (string);
  '_basis'?: "basis";
}

export interface MemoryProposal__Output {
  'scope': (string);
  'op': (string);
  'text': (string);
  'basis'?: (string);
  '_basis'?: "basis";
}
