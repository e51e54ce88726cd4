// Original file: proto/skein/worker/v1/worker.proto


export interface Goodbye {
}

export interface Goodbye__Output {
}
