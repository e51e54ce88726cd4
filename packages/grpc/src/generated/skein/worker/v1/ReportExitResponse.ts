// Original file: proto/skein/worker/v1/worker.proto


export interface ReportExitResponse {
}

export interface ReportExitResponse__Output {
}
