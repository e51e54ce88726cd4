// Original file: proto/skein/peer/v1/peer.proto


export interface Leaving {
}

export interface Leaving__Output {
}
