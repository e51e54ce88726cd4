import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, DomainError, type TenantId } from '@skein/domain';
import type { BlobStore, Hasher } from '@skein/ports';
import { fileError, isMissing } from './file-error.ts';
import { safeName } from './safe-name.ts';

const digestPattern = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/;

/**
 * Blobs as files: `ROOT/TENANT/aa/bbbb…`, named by their digest.
 * B1 A name appears only by rename of a file that was synced, and its folder is synced before `put` resolves.
 * B2 Bytes leave only after they were checked against their name.
 */
export class FileBlobStore implements BlobStore {
  readonly #root: string;
  readonly #hasher: Hasher;
  /** Puts under way by path, so that equal bytes are written once. */
  readonly #puts = new Map<string, Promise<void>>();
  /** Folders that exist, durably once the promise resolves. */
  readonly #folders = new Map<string, Promise<void>>();
  #count = 0;

  constructor(deps: { readonly root: string; readonly hasher: Hasher }) {
    this.#root = deps.root;
    this.#hasher = deps.hasher;
  }

  async put(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    const digest = this.#hasher.digest(bytes);
    const path = this.#path(tenant, digest);
    if (path === undefined) throw new DomainError('internal', 'the hasher gave no digest');
    let put = this.#puts.get(path);
    if (put === undefined) {
      put = this.#write(path, bytes).finally(() => this.#puts.delete(path));
      this.#puts.set(path, put);
    }
    await put;
    return digest;
  }

  async get(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    const path = this.#path(tenant, digest);
    if (path === undefined) throw new DomainError('not_found', 'unknown blob', { digest });
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if (isMissing(error)) throw new DomainError('not_found', 'unknown blob', { digest });
      throw fileError(error);
    }
    if (this.#hasher.digest(bytes) !== digest) {
      throw new DomainError('digest_mismatch', 'the stored bytes are damaged', { digest }); // B2
    }
    return new Uint8Array(bytes);
  }

  async has(tenant: TenantId, digest: Digest): Promise<boolean> {
    const path = this.#path(tenant, digest);
    return path !== undefined && (await this.#exists(path));
  }

  #path(tenant: TenantId, digest: Digest): string | undefined {
    const match = digestPattern.exec(digest);
    return match === null ? undefined : join(this.#root, safeName(tenant), match[1] as string, match[2] as string);
  }

  async #exists(path: string): Promise<boolean> {
    try {
      return (await stat(path)).isFile();
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError(error);
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    if (await this.#isWhole(path, bytes)) return;
    this.#count += 1;
    const temporary = `${path}.${process.pid}.${this.#count}.tmp`;
    try {
      await this.#ensureFolder(dirname(path));
      // A process that died here may have left this very name: process ids come again in containers.
      const file = await open(temporary, 'w');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncFolder(dirname(path)); // B1
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw fileError(error);
    }
  }

  /** A damaged file is written again, so that a put repairs it. */
  async #isWhole(path: string, bytes: Uint8Array): Promise<boolean> {
    try {
      return Buffer.compare(await readFile(path), bytes) === 0;
    } catch {
      return false;
    }
  }

  #ensureFolder(folder: string): Promise<void> {
    let ensured = this.#folders.get(folder);
    if (ensured === undefined) {
      ensured = this.#makeFolder(folder);
      this.#folders.set(folder, ensured);
      ensured.catch(() => this.#folders.delete(folder));
    }
    return ensured;
  }

  /** Each folder is an entry of the one above it, up to the root; one that is there may have been made by a process that died before it synced. */
  async #makeFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (let at = folder; at.length >= this.#root.length; at = dirname(at)) await syncFolder(dirname(at));
  }
}

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
