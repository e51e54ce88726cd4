// Original file: proto/skein/worker/v1/worker.proto


export interface Draining {
}

export interface Draining__Output {
}
