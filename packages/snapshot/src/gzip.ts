import { Deflate, deflateSync } from 'fflate';
import { crc32 } from './crc32.ts';
import { inflate } from './inflate.ts';
import { atOnce, type Slices } from './slices.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';

/**
 * One gzip member with one fixed header, so that equal content gives equal bytes on every machine.
 *
 * G1 Reading never inflates more than `maxBytes`, into one buffer that is no larger.
 * G2 Every defect has its own reason; none ends in another throw.
 * G3 The member must end exactly where the bytes end.
 */

/** Deflate, no flags, no time, no extra flags, operating system unknown. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const trailerBytes = 8;

/** Part of the format, as the options are: content of more bytes than this is compressed in slices of so many. */
const sliceBytes = 128 * 1024;

/** A large table costs more to make than small content to compress. */
const options = { small: { level: 6, mem: 4 }, large: { level: 6, mem: 8 } } as const;

/** The bytes as one gzip member; a pure function of its argument. */
export const gzip = (content: Uint8Array): Uint8Array => atOnce(gzipSlices(content));

/** The same bytes as `gzip` makes, in slices, because megabytes take a good part of a second. Nobody may change the content meanwhile. */
export function* gzipSlices(content: Uint8Array): Slices<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let crc = 0;
  if (content.length <= sliceBytes) {
    pieces.push(deflateSync(content, options.small));
    crc = crc32(content);
  } else {
    const deflate = new Deflate(options.large, (piece) => pieces.push(piece));
    for (let at = 0; at < content.length; at += sliceBytes) {
      if (at > 0) yield;
      const slice = content.subarray(at, at + sliceBytes);
      crc = crc32(slice, crc);
      deflate.push(slice, at + sliceBytes >= content.length);
    }
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(header.length + length + trailerBytes);
  bytes.set(header);
  let end = header.length;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
  }
  const view = new DataView(bytes.buffer, end);
  view.setUint32(0, crc, true);
  view.setUint32(4, content.length, true);
  return bytes;
}

/** Generous bound on what gzip adds to bytes that do not compress. */
export const gzipOverheadBytes = (bytes: number): number => 64 + Math.ceil(bytes / 256);

/**
 * The content of one gzip member. `what` names it in errors. Throws `too_large` at the first byte over `maxBytes`, and `snapshot_invalid` with
 * the reasons `bad_gzip`, `truncated`, `bad_crc`, `bad_length`, `trailing_bytes` or `second_member`.
 */
export const gunzip = (bytes: Uint8Array, maxBytes: number, what = 'the snapshot'): Uint8Array => {
  checkHeader(bytes);
  // What the trailer says is only a hint.
  const claimed = trailerAt(bytes, bytes.length - trailerBytes).getUint32(4, true);
  const { content, end } = inflate(bytes, header.length, claimed, maxBytes);
  if (end === undefined) throw tooLarge(`${what}, uncompressed`, maxBytes, maxBytes + 1);
  checkEnd(bytes, end);
  const trailer = trailerAt(bytes, end);
  if (trailer.getUint32(4, true) !== content.length) {
    throw snapshotInvalid('bad_length', 'the inflated length is not the one that the gzip trailer says');
  }
  if (trailer.getUint32(0, true) !== crc32(content)) {
    throw snapshotInvalid('bad_crc', 'the checksum of the gzip trailer does not match');
  }
  return content;
};

/** The first `wanted` bytes of what a member holds, or fewer when it ends before. Throws `snapshot_invalid` as `gunzip` does. */
export const inflateStart = (bytes: Uint8Array, wanted: number): Uint8Array => {
  checkHeader(bytes);
  return inflate(bytes, header.length, wanted, wanted).content;
};

const checkHeader = (bytes: Uint8Array): void => {
  const known = Math.min(bytes.length, header.length);
  for (let at = 0; at < known; at++) {
    if (bytes[at] !== header[at])
      throw snapshotInvalid('bad_gzip', `byte ${at} is not that of a snapshot's gzip header`);
  }
  if (bytes.length < header.length + 2 + trailerBytes) throw snapshotInvalid('truncated', 'the bytes end too early');
};

const checkEnd = (bytes: Uint8Array, end: number): void => {
  const rest = end + trailerBytes;
  if (rest > bytes.length) throw snapshotInvalid('truncated', 'the bytes end too early');
  if (rest === bytes.length) return;
  if (bytes[rest] === header[0] && bytes[rest + 1] === header[1]) {
    throw snapshotInvalid('second_member', 'a second gzip member follows the first');
  }
  throw snapshotInvalid('trailing_bytes', 'bytes follow the end of the gzip member');
};

const trailerAt = (bytes: Uint8Array, at: number): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset + at, trailerBytes);
