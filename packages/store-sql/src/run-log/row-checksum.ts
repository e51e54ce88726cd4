import { crc32 } from 'node:zlib';

/** Of a row's content and of the place where it belongs, so that a row that lies elsewhere is found too. Below 2^32. */
export const rowChecksum = (tenant: string, runId: string, seq: number, content: string | Uint8Array): number =>
  crc32(content, crc32(`${tenant}\u0000${runId}\u0000${seq}\u0000`));
