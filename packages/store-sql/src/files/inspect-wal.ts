import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const headerBytes = 32;
const frameHeaderBytes = 24;
const framesPerRead = 256;

/** What a write-ahead log is before SQLite opens it. */
export interface WalReport {
  /** A commit in it is broken although a later one follows it: it was on disk, and would be left out without a word. */
  readonly damaged: boolean;
  /** Bytes after the last whole commit that belong to this log: a commit that was not finished, or was cut off. */
  readonly tornBytes: number;
}

/**
 * Reads the write-ahead log as SQLite will: up to the first frame whose checksum is wrong. SQLite says nothing about what follows, so it
 * is looked at here. Each commit is synced before the next begins, hence only the last one may be torn by a crash: a commit frame whose
 * follower continues its checksum stands for two commits that were whole, and everything before them was on disk.
 * Leftovers of transactions that were undone do not continue one another.
 * @source https://www.sqlite.org/fileformat2.html#walformat
 */
export const inspectWal = (path: string): WalReport => {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size <= headerBytes) return { damaged: false, tornBytes: 0 };
    const header = read(file, 0, headerBytes);
    const salts = header.readBigUInt64BE(16);
    const pageBytes = header.readUInt32BE(8);
    const bigEndian = (header.readUInt32BE(0) & 1) === 1;
    const sums = addTo([0, 0], header.subarray(0, 24), bigEndian);
    if (!sameSums(sums, header, 24) || pageBytes < 512 || pageBytes > 65_536) return { damaged: true, tornBytes: 0 };
    return walk({ file, size, salts, frameBytes: frameHeaderBytes + pageBytes, bigEndian }, sums);
  } finally {
    closeSync(file);
  }
};

interface Wal {
  readonly file: number;
  readonly size: number;
  readonly salts: bigint;
  readonly frameBytes: number;
  readonly bigEndian: boolean;
}

type Sums = readonly [number, number];

const walk = ({ file, size, salts, frameBytes, bigEndian }: Wal, first: Sums): WalReport => {
  let sums = first;
  let whole = true;
  let damaged = false;
  /** The frame before was a commit of this log. */
  let afterCommit = false;
  let [committedEnd, ownEnd] = [headerBytes, headerBytes];
  for (let at = headerBytes; at < size; at += framesPerRead * frameBytes) {
    const chunk = read(file, at, Math.min(framesPerRead * frameBytes, size - at));
    for (let offset = 0; offset < chunk.length; offset += frameBytes) {
      const frame = chunk.subarray(offset, offset + frameBytes);
      const own = frame.length >= 16 && frame.readBigUInt64BE(8) === salts;
      if (frame.length < frameBytes || !own) {
        whole = false;
        afterCommit = false;
        if (own) ownEnd = at + offset + frame.length;
        continue;
      }
      const end = at + offset + frameBytes;
      ownEnd = end;
      const next = addTo(addTo(sums, frame.subarray(0, 8), bigEndian), frame.subarray(frameHeaderBytes), bigEndian);
      const follows = sameSums(next, frame, 16);
      whole &&= follows;
      damaged ||= !whole && afterCommit && follows;
      // What follows must continue the sums that are written here, whether they are right or not.
      sums = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
      afterCommit = frame.readUInt32BE(4) !== 0;
      if (whole && afterCommit) committedEnd = end;
    }
  }
  return { damaged, tornBytes: ownEnd - committedEnd };
};

const addTo = ([one, two]: Sums, bytes: Buffer, bigEndian: boolean): Sums => {
  let [a, b] = [one, two];
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + words.getUint32(at, !bigEndian) + b) >>> 0;
    b = (b + words.getUint32(at + 4, !bigEndian) + a) >>> 0;
  }
  return [a, b];
};

const sameSums = ([one, two]: Sums, bytes: Buffer, at: number): boolean =>
  bytes.readUInt32BE(at) === one && bytes.readUInt32BE(at + 4) === two;

const read = (file: number, at: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, at));
};
