// Keeps the files of one attempt in the blob store and brings them back, perhaps on another worker.
// W1 What is kept is content-addressed: a listing, and the content of each file, in pieces of at most 4 MiB.
// W2 A file that has the size, times and place of last time is not read again; content that was stored or fetched is not stored again.
//    A file that changed at the instant at which it was read might have changed after it: it is read again next time.
// W3 Files are stored as they are, never redacted. A tree in which the value of a secret of the task stands is not kept at all (S3).
// W4 A restore that fails leaves the directory empty.
import { type BigIntStats, constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, DomainError, isDomainError, type TreeRef } from '@skein/domain';
import type { WorkTree, WorkTreeSource, WorkTreeSurroundings } from '@skein/ports';
import { eachBounded } from './each-bounded.ts';
import { digestOf, emptyFolder, restoreTree } from './restore-tree.ts';
import { type FileEntry, parseListing, type TreeEntry, treeLimits, writeListing } from './tree-listing.ts';
import { walkTree } from './walk-tree.ts';

/** How many files are read and stored at a time. */
const width = 4;

/** Younger changes may be followed by others with the same times: file systems keep them in steps of up to 10 ms. */
const settledMs = 50;

/** Working trees on the file system of this worker. */
export const createWorkTree: WorkTreeSource = (surroundings) => new NodeWorkTree(surroundings);

interface Known {
  readonly identity: string;
  readonly secretsRead: number;
  readonly content: Pick<FileEntry, 'digest' | 'pieces'>;
}

const nothing = digestOf(writeListing([]));

class NodeWorkTree implements WorkTree {
  readonly #with: WorkTreeSurroundings;
  /** By path (W2). */
  #known = new Map<string, Known>();
  /** Blobs that are in the store. */
  readonly #stored = new Set<Digest>();
  #listing: Digest = nothing;

  constructor(surroundings: WorkTreeSurroundings) {
    this.#with = surroundings;
  }

  async capture(signal: AbortSignal): Promise<TreeRef | undefined> {
    return guarded(signal, async () => {
      const walked = await walkTree(this.#with.root, signal);
      const kept: TreeEntry[] = [...walked.entries];
      const known = new Map<string, Known>();
      await eachBounded(walked.files, width, async ({ path, mode, stats }) => {
        signal.throwIfAborted();
        kept.push({ path, kind: 'file', mode, size: Number(stats.size), ...(await this.#content(path, stats, known)) });
      });
      const listing = writeListing(kept);
      this.#refuseSecrets(listing);
      this.#known = known;
      const digest = digestOf(listing);
      if (digest === this.#listing) return undefined;
      await this.#store(listing);
      this.#listing = digest;
      return { digest, files: walked.files.length, bytes: walked.bytes };
    });
  }

  async restore(tree: TreeRef, signal: AbortSignal): Promise<void> {
    const { root, fetchBlob } = this.#with;
    try {
      await guarded(signal, async () => {
        const bytes = await fetchBlob(tree.digest);
        if (digestOf(bytes) !== tree.digest)
          throw new DomainError('digest_mismatch', 'the listing of the kept tree is damaged', {
            expected: tree.digest,
          });
        const entries = parseListing(bytes);
        await restoreTree(root, entries, fetchBlob, signal);
        for (const entry of entries)
          if (entry.kind === 'file')
            for (const digest of entry.pieces ?? (entry.digest === undefined ? [] : [entry.digest]))
              this.#stored.add(digest);
        this.#stored.add(tree.digest);
        this.#listing = tree.digest;
      });
    } catch (error) {
      await emptyFolder(root); // W4
      this.#known.clear();
      this.#listing = nothing;
      throw error;
    }
  }

  async #content(path: string, stats: BigIntStats, known: Map<string, Known>): Promise<Known['content']> {
    if (stats.size === 0n) return {};
    const identity = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
    const secretsRead = this.#with.secretsRead();
    const before = this.#known.get(path);
    if (before?.identity === identity && before.secretsRead === secretsRead) {
      known.set(path, before);
      return before.content;
    }
    const readAtMs = Date.now();
    const bytes = await readWhole(join(this.#with.root, path), stats);
    this.#refuseSecrets(bytes);
    const content = await this.#storeFile(bytes);
    const changedAtMs = Number(stats.ctimeNs / 1_000_000n);
    if (changedAtMs + settledMs < readAtMs) known.set(path, { identity, secretsRead, content });
    return content;
  }

  async #storeFile(bytes: Uint8Array): Promise<Known['content']> {
    if (bytes.length <= treeLimits.pieceBytes) return { digest: await this.#store(bytes) };
    const pieces: Digest[] = [];
    for (let at = 0; at < bytes.length; at += treeLimits.pieceBytes)
      pieces.push(await this.#store(bytes.subarray(at, at + treeLimits.pieceBytes)));
    return { digest: digestOf(bytes), pieces };
  }

  async #store(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    if (this.#stored.has(digest)) return digest;
    const stored = await this.#with.storeBlob(bytes);
    if (stored !== digest) throw new DomainError('digest_mismatch', 'the store keeps something else than it was given');
    this.#stored.add(digest);
    return digest;
  }

  /** W3. */
  #refuseSecrets(bytes: Uint8Array): void {
    if (!this.#with.holdsSecret(bytes)) return;
    throw new DomainError(
      'unprocessable',
      'the value of a secret stands in the working tree, which is therefore not kept',
    );
  }
}

/**
 * All of the file that was found at the path, and of no other that a link on the way leads to now; throws `unprocessable` when it
 * changes meanwhile.
 */
const readWhole = async (path: string, found: BigIntStats): Promise<Uint8Array> => {
  const size = Number(found.size);
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    if (dev !== found.dev || ino !== found.ino) throw changed();
    const bytes = Buffer.alloc(size + 1);
    let length = 0;
    while (length <= size) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length !== size) throw changed();
    return bytes.subarray(0, size);
  } finally {
    await handle.close();
  }
};

const changed = (): DomainError =>
  new DomainError('unprocessable', 'a file of the working tree changed while it was kept');

/** The signal's reason once it is aborted; an error of the file system as `unprocessable`, by its code alone. */
const guarded = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (isDomainError(error)) throw error;
    const code = (error as NodeJS.ErrnoException | null)?.code;
    throw new DomainError('unprocessable', `the working tree cannot be handled (${code ?? 'unknown'})`, {}, error);
  }
};
