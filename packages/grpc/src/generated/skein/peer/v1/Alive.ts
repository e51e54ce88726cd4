// Original file: proto/skein/peer/v1/peer.proto


export interface Alive {
}

export interface Alive__Output {
}
