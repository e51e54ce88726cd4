import { isDomainError } from '@skein/domain';
import { deflateSync, Gunzip } from 'fflate';
import { crc32 } from './crc32.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';

/**
 * One gzip member with one fixed header, so that equal content gives equal bytes on every machine.
 *
 * G1 Reading never inflates more than `maxBytes` + one slice, and writes into one buffer of at most `maxBytes`: no second copy.
 * G2 Every defect has its own reason; none ends in another throw.
 * G3 The member must end exactly where the bytes end.
 */

/** Deflate, no flags, no time, no extra flags, operating system unknown. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const trailerBytes = 8;

/** Part of the format: another value gives other bytes for the same content. A large table costs more to make than small content to compress. */
const deflateOptions = (bytes: number) => ({ level: 6, mem: bytes > 128 * 1024 ? 8 : 4 }) as const;

/** The bytes as one gzip member; a pure function of its argument. */
export const gzip = (content: Uint8Array): Uint8Array => {
  const deflated = deflateSync(content, deflateOptions(content.length));
  const bytes = new Uint8Array(header.length + deflated.length + trailerBytes);
  bytes.set(header);
  bytes.set(deflated, header.length);
  const view = new DataView(bytes.buffer, header.length + deflated.length);
  view.setUint32(0, crc32(content), true);
  view.setUint32(4, content.length, true);
  return bytes;
};

/** Generous bound on what gzip adds to bytes that do not compress. */
export const gzipOverheadBytes = (bytes: number): number => 64 + Math.ceil(bytes / 256);

/** Input goes in slices of this size; deflate makes at most 1,032 bytes of one. @source https://zlib.net/zlib_tech.html */
const sliceBytes = 2 * 1024;

/**
 * The content of one gzip member. Throws `too_large` at the first byte over `maxBytes`, and `snapshot_invalid` with the reasons `bad_gzip`,
 * `truncated`, `bad_crc`, `bad_length`, `trailing_bytes` or `second_member`.
 */
export const gunzip = (bytes: Uint8Array, maxBytes: number, what = 'the snapshot'): Uint8Array => {
  checkHeader(bytes);
  // What the trailer says is only a hint: what does not fit is counted, not kept, and refused at the end.
  const content = new Uint8Array(Math.min(maxBytes, trailerAt(bytes, bytes.length).getUint32(4, true)));
  let inflated = 0;
  let crc = 0;
  let memberEnd: number | undefined;
  const stream = new Gunzip((chunk) => {
    const start = inflated;
    inflated += chunk.length;
    if (inflated > maxBytes) throw tooLarge(`${what}, uncompressed`, maxBytes, inflated);
    crc = crc32(chunk, crc);
    if (inflated <= content.length) content.set(chunk, start);
  });
  stream.onmember = (offset) => {
    memberEnd = offset;
    throw memberFound;
  };
  const push = (slice: Uint8Array): void => {
    try {
      stream.push(slice);
    } catch (thrown) {
      if (isDomainError(thrown)) throw thrown;
      if (thrown !== memberFound) throw inflateError(thrown);
    }
  };
  for (let at = 0; at < bytes.length && memberEnd === undefined; at += sliceBytes) {
    push(bytes.slice(at, at + sliceBytes));
  }
  if (memberEnd !== undefined) throw snapshotInvalid('second_member', 'a second gzip member follows the first');
  // A header after the last byte makes the stream say where it thinks that the member ended (G3).
  try {
    push(header);
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'too_large') throw thrown;
    memberEnd = undefined;
  }
  checkEnd(bytes, memberEnd, crc, inflated);
  return content;
};

/** Input for the beginning goes in slices of this size. */
const startSliceBytes = 64;

/** At least the first `wanted` bytes of what a member holds, or fewer when it ends before. Throws `snapshot_invalid` as `gunzip` does. */
export const inflateStart = (bytes: Uint8Array, wanted: number): Uint8Array => {
  checkHeader(bytes);
  const start = new Uint8Array(wanted);
  let inflated = 0;
  const stream = new Gunzip((chunk) => {
    if (inflated < wanted) start.set(chunk.subarray(0, wanted - inflated), inflated);
    inflated += chunk.length;
  });
  for (let at = 0; at < bytes.length && inflated < wanted; at += startSliceBytes) {
    try {
      stream.push(bytes.slice(at, at + startSliceBytes));
    } catch (thrown) {
      throw inflateError(thrown);
    }
  }
  return start.subarray(0, inflated);
};

/** Thrown out of the stream to stop it at a member's end; never leaves this file. */
const memberFound = new Error('member found');

const checkHeader = (bytes: Uint8Array): void => {
  const known = Math.min(bytes.length, header.length);
  for (let at = 0; at < known; at++) {
    if (bytes[at] !== header[at])
      throw snapshotInvalid('bad_gzip', `byte ${at} is not that of a snapshot's gzip header`);
  }
  if (bytes.length < header.length + 2 + trailerBytes) throw snapshotInvalid('truncated', 'the bytes end too early');
};

const inflateError = (thrown: unknown): Error => {
  const code = (thrown as { readonly code?: unknown } | undefined)?.code;
  if (code === invalidHeaderCode) return snapshotInvalid('trailing_bytes', 'bytes follow the end of the gzip member');
  return snapshotInvalid('bad_gzip', 'the compressed data is damaged');
};

/** fflate's code for "a member should begin here". @source https://github.com/101arrowz/fflate/blob/master/src/index.ts FlateErrorCode */
const invalidHeaderCode = 6;

const checkEnd = (bytes: Uint8Array, memberEnd: number | undefined, crc: number, inflated: number): void => {
  if (memberEnd !== bytes.length) {
    // One to three trailing bytes are too few for the stream to tell them from a cut trailer; the checksum does.
    for (let extra = 1; extra <= 3; extra++) {
      const view = trailerAt(bytes, bytes.length - extra);
      if (view.getUint32(0, true) === crc && view.getUint32(4, true) === inflated) {
        throw snapshotInvalid('trailing_bytes', 'bytes follow the end of the gzip member');
      }
    }
    throw snapshotInvalid('truncated', 'the bytes end too early');
  }
  const view = trailerAt(bytes, bytes.length);
  if (view.getUint32(4, true) !== inflated >>> 0) {
    throw snapshotInvalid('bad_length', 'the inflated length is not the one that the gzip trailer says');
  }
  if (view.getUint32(0, true) !== crc)
    throw snapshotInvalid('bad_crc', 'the checksum of the gzip trailer does not match');
};

const trailerAt = (bytes: Uint8Array, end: number): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset + end - trailerBytes, trailerBytes);
