// The listing of a kept tree: canonical JSON `{ version: 1, entries }`, entries in order of their paths, each directory before what is in it.
// Who reads a listing trusts nothing in it (parseListing): what it accepts can be made below any directory without leaving that.
import { type Digest, DomainError, utf8Length } from '@skein/domain';

/** Bounds of a kept tree. Sizes in bytes. */
export const treeLimits = {
  maxBytes: 64 * 1024 * 1024,
  /** Files, directories and links together. */
  maxEntries: 20_000,
  maxFileBytes: 16 * 1024 * 1024,
  /** Of a blob: larger files are kept in pieces of this size. */
  pieceBytes: 4 * 1024 * 1024,
  maxListingBytes: 4 * 1024 * 1024,
  maxPathBytes: 4_096,
  maxNameBytes: 255,
  maxDepth: 128,
} as const;

/** One file, directory or link. `path` is relative, with `/`; `mode` holds the permission bits (0 to 0o777). */
export type TreeEntry =
  | { readonly path: string; readonly kind: 'dir'; readonly mode: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | {
      readonly path: string;
      readonly kind: 'file';
      readonly mode: number;
      readonly size: number;
      /** Of the whole content; absent for an empty file. */
      readonly digest?: Digest;
      /** Of the pieces, in order, when the content is larger than one. */
      readonly pieces?: readonly Digest[];
    };

/** A file of a listing. */
export type FileEntry = Extract<TreeEntry, { readonly kind: 'file' }>;

/** True when a link at `path` stays inside the tree: relative, and once it goes down it never goes up again, so that other links cannot mislead it. */
export const staysInside = (path: string, target: string): boolean => {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  let depth = path.split('/').length - 1;
  let hasGoneDown = false;
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') hasGoneDown = true;
    else if (hasGoneDown || --depth < 0) return false;
  }
  return true;
};

/** The bytes of a listing. Throws `too_large`. */
export const writeListing = (entries: readonly TreeEntry[]): Uint8Array => {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = new TextEncoder().encode(JSON.stringify({ version: 1, entries: sorted }));
  const limit = treeLimits.maxListingBytes;
  if (bytes.length > limit) throw tooLarge('the names of the working tree are too long together', limit, bytes.length);
  return bytes;
};

/** The entries of a listing, checked: directories come before what is in them. Throws `unprocessable`, `too_large`. */
export const parseListing = (bytes: Uint8Array): readonly TreeEntry[] => {
  if (bytes.length > treeLimits.maxListingBytes)
    throw tooLarge('the listing is too large', treeLimits.maxListingBytes, bytes.length);
  const { version, entries } = parseJson(bytes);
  if (version !== 1 || !Array.isArray(entries)) throw bad('the listing is of no known version');
  if (entries.length > treeLimits.maxEntries)
    throw tooLarge('the working tree has too many files', treeLimits.maxEntries, entries.length);
  const kinds = new Map<string, TreeEntry['kind']>();
  let total = 0;
  const checked = entries.map((value: unknown) => {
    const entry = checkEntry(value);
    if (kinds.has(entry.path)) throw bad('a path comes twice');
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')));
    if (parent !== '' && kinds.get(parent) !== 'dir') throw bad('a path is not below a directory');
    kinds.set(entry.path, entry.kind);
    if (entry.kind === 'file') total += entry.size;
    return entry;
  });
  if (total > treeLimits.maxBytes) throw tooLarge('the working tree is too large', treeLimits.maxBytes, total);
  return checked;
};

/** The error of something that is over a bound. */
export const tooLarge = (message: string, limit: number, actual: number): DomainError =>
  new DomainError('too_large', message, { limit, actual });

const bad = (message: string): DomainError =>
  new DomainError('unprocessable', `a kept tree cannot be read: ${message}`);

const parseJson = (bytes: Uint8Array): { readonly version?: unknown; readonly entries?: unknown } => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // said below
  }
  throw bad('the listing is no JSON object');
};

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const isDigest = (value: unknown): value is Digest => typeof value === 'string' && digestPattern.test(value);

const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('\0') && utf8Length(name) <= treeLimits.maxNameBytes;

const checkEntry = (value: unknown): TreeEntry => {
  const entry = (value ?? {}) as { readonly [field: string]: unknown };
  const { path, kind, mode, size, digest, pieces, target } = entry;
  if (typeof path !== 'string' || utf8Length(path) > treeLimits.maxPathBytes) throw bad('a path is no path');
  const names = path.split('/');
  if (names.length > treeLimits.maxDepth || !names.every(isName)) throw bad('a path leads somewhere else');
  if (kind === 'link') {
    const isTarget = typeof target === 'string' && utf8Length(target) <= treeLimits.maxPathBytes;
    if (!isTarget || !staysInside(path, target)) throw bad('a link leads out of the tree');
    return { path, kind, target };
  }
  if (!Number.isInteger(mode) || (mode as number) < 0 || (mode as number) > 0o777) throw bad('a mode is none');
  if (kind === 'dir') return { path, kind, mode: mode as number };
  if (kind !== 'file') throw bad('an entry is of no known kind');
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw bad('a size is none');
  return checkFile({ path, kind, mode: mode as number, size: size as number }, digest, pieces);
};

const checkFile = (file: FileEntry, digest: unknown, pieces: unknown): FileEntry => {
  if (file.size > treeLimits.maxFileBytes) throw tooLarge('a file is too large', treeLimits.maxFileBytes, file.size);
  if (file.size === 0) return file;
  if (!isDigest(digest)) throw bad('a file has no digest');
  if (file.size <= treeLimits.pieceBytes) return { ...file, digest };
  const count = Math.ceil(file.size / treeLimits.pieceBytes);
  if (!Array.isArray(pieces) || pieces.length !== count || !pieces.every(isDigest))
    throw bad('a file does not have the pieces that it is made of');
  return { ...file, digest, pieces };
};
