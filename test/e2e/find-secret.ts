import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gunzipSync, inflateRawSync } from 'node:zlib';

/** The forms in which a text may lie somewhere: as it is, in hexadecimal, and in base64 at each of its three alignments. */
const formsOf = (secret: string): readonly Buffer[] => [
  Buffer.from(secret),
  Buffer.from(Buffer.from(secret).toString('hex')),
  ...[0, 1, 2].flatMap((shift) => {
    const shifted = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]);
    const encoded = shifted.toString('base64').replaceAll('=', '');
    // The characters at both ends also hold bits of what is around it.
    const piece = encoded.slice(Math.ceil((8 * shift) / 6), Math.floor((8 * shifted.length) / 6));
    return [Buffer.from(piece), Buffer.from(piece.replaceAll('+', '-').replaceAll('/', '_'))];
  }),
];

const lenient = { finishFlush: constants.Z_SYNC_FLUSH };

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08]);

/** Everything that is gzipped inside these bytes, as far as it can be inflated. */
const inflated = (bytes: Buffer): readonly Buffer[] => {
  const found: Buffer[] = [];
  for (let at = bytes.indexOf(gzipMagic); at !== -1; at = bytes.indexOf(gzipMagic, at + 1)) {
    // The stream behind a header without extra fields, whatever follows it; and a whole member with any header.
    for (const inflate of [
      () => inflateRawSync(bytes.subarray(at + 10), lenient),
      () => gunzipSync(bytes.subarray(at), lenient),
    ]) {
      try {
        found.push(inflate());
      } catch {
        // It only looked like one.
      }
    }
  }
  return found;
};

/** True if the secret is in these bytes in some form, also inside something gzipped. */
export const holdsSecret = (bytes: Uint8Array | string, secret: string): boolean => {
  const whole = Buffer.from(bytes as Uint8Array);
  return [whole, ...inflated(whole)].some((each) => formsOf(secret).some((form) => each.includes(form)));
};

/** The files below a folder that hold the secret. */
export const filesWithSecret = (folder: string, secret: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => holdsSecret(readFileSync(path), secret));
