/** CRC-32 of gzip, continued from an earlier value; starts at 0. @source https://www.rfc-editor.org/rfc/rfc1952#section-8 */
export const crc32 = (bytes: Uint8Array, earlier = 0): number => {
  let crc = ~earlier;
  for (let at = 0; at < bytes.length; at++) {
    crc = (table[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
};

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let entry = index;
  for (let bit = 0; bit < 8; bit++) entry = entry & 1 ? (entry >>> 1) ^ 0xedb88320 : entry >>> 1;
  return entry;
});
