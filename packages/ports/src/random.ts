/** Chance. Seeded in tests; `fork` gives a stream of its own, so that one component's draws do not move another's. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  fork(label: string): Random;
}

/** Fresh ids: prefix + `_` + UUIDv7, for example `run_0190…`. */
export interface IdSource {
  next(prefix: 'run' | 'wrk' | 'ses' | 'tok' | 'lch' | 'cmt' | 'msg' | 'rol' | 'rpl' | 'aud' | 'trg'): string;
}

/** SHA-256, the one hash of Skein. `digest` returns `sha256:` + hex; `bytes` the raw 32 bytes. */
export interface Hasher {
  digest(bytes: Uint8Array | string): string;
  bytes(bytes: Uint8Array | string): Uint8Array;
}
