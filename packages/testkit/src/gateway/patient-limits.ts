/**
 * For tests that have both ends in one process and look at something else: no connection, stream or call is given up because this process
 * stood still for some seconds. Durations in ms.
 */
export const patientLimits = { keepaliveTimeoutMs: 60_000, helloTimeoutMs: 60_000, callTimeoutMs: 60_000 };
