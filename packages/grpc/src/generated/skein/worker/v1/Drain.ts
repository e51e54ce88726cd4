// Original file: proto/skein/worker/v1/worker.proto


export interface Drain {
}

export interface Drain__Output {
}
