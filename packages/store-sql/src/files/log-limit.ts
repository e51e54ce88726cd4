/** Bytes of one attempt's log, without the marker. */
export const maxLogBytes = 8 * 1024 * 1024;

const marker = Buffer.from(`\n[log cut at ${maxLogBytes} bytes]\n`);

/** What of the bytes still has room in a log of that size; the marker follows the last of them, once. */
export const withinLog = (size: number, bytes: Buffer): Buffer => {
  if (size + bytes.length <= maxLogBytes) return bytes;
  return size > maxLogBytes ? Buffer.alloc(0) : Buffer.concat([bytes.subarray(0, maxLogBytes - size), marker]);
};
