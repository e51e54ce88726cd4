import { gunzip, gzip } from '../src/gzip.ts';
import { manifestBytes, parseManifest } from '../src/manifest.ts';
import { chooseParts, formatHead, formatHeadBytes, type SnapshotFormat } from '../src/snapshot-format.ts';

/** A format that no build ships: integers are little-endian, and parts are named by the order of the manifest, absent ones with length 0xffffffff. */
export const formatTwo: SnapshotFormat = {
  version: 2,
  encode: (manifest, parts, _limits, include) => {
    const own = manifestBytes(manifest);
    const chosen = new Map(chooseParts(manifest, parts, include).map(({ position, bytes }) => [position, bytes]));
    const pieces = [formatHead(2), integer(own.length), own];
    manifest.parts.forEach((_, position) => {
      const bytes = chosen.get(position);
      pieces.push(integer(bytes?.length ?? absent), bytes ?? new Uint8Array(0));
    });
    return gzip(new Uint8Array(Buffer.concat(pieces)));
  },
  decode: (envelope, limits) => {
    const bytes = gunzip(envelope, limits.maxBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = formatHeadBytes;
    const take = (): Uint8Array => {
      const length = view.getUint32(at, true);
      const start = at + 4;
      at = start + (length === absent ? 0 : length);
      return bytes.subarray(start, at);
    };
    const own = take();
    const manifest = parseManifest(own, limits);
    const parts = new Map(
      manifest.parts.map((part) => [part.digest, take()] as const).filter(([, part]) => part.length > 0),
    );
    return { manifest, manifestBytes: own, parts };
  },
};

const absent = 0xffffffff;

const integer = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};
