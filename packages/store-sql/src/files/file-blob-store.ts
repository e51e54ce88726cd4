import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
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
 * B3 A removal is durable when it resolves; folders stay.
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

  /** Name of the blob's file below the root; undefined for what is no digest. */
  nameOf(tenant: TenantId, digest: Digest): string | undefined {
    const match = digestPattern.exec(digest);
    return match === null ? undefined : join(safeName(tenant), match[1] as string, match[2] as string);
  }

  /** Names of all files below the root. What a put that died left behind has the name of its blob, a dot and more. */
  async names(): Promise<readonly string[]> {
    const names: string[] = [];
    for (const tenant of await namesIn(this.#root)) {
      for (const folder of await namesIn(join(this.#root, tenant))) {
        for (const file of await namesIn(join(this.#root, tenant, folder))) names.push(join(tenant, folder, file));
      }
    }
    return names;
  }

  /**
   * Removes a file by its name and answers its bytes; undefined when there is none. The caller sees to it that nobody needs the blob
   * or puts it meanwhile.
   */
  async remove(name: string): Promise<number | undefined> {
    const path = join(this.#root, name);
    try {
      const { size } = await stat(path);
      await rm(path);
      await syncFolder(dirname(path)); // B3
      return size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error);
    }
  }

  #path(tenant: TenantId, digest: Digest): string | undefined {
    const name = this.nameOf(tenant, digest);
    return name === undefined ? undefined : join(this.#root, name);
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

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error);
  }
};

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
