/** Bytes of one chunk of a transfer: small enough that a task on the same machine is never delayed. */
export const chunkBytes = 64 * 1024;
