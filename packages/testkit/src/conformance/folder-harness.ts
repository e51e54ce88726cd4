import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '../fake-clock.ts';
import type { StoreHarness, StoresUnderTest } from './store-harness.ts';

/** A harness for stores that keep their data in a folder: each test has its own, removed afterwards. */
export const createFolderHarness = (
  openStores: (dataDir: string, clock: FakeClock) => Promise<StoresUnderTest>,
): Required<StoreHarness> => {
  const clock = new FakeClock();
  let stores: StoresUnderTest | undefined;
  let dataDir: string | undefined;
  const close = async (): Promise<void> => {
    await stores?.close();
    stores = undefined;
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
    dataDir = undefined;
  };
  const open = async (): Promise<StoresUnderTest> => {
    await close();
    dataDir = await mkdtemp(join(tmpdir(), 'skein-stores-'));
    stores = await openStores(dataDir, clock);
    return stores;
  };
  const reopen = async (): Promise<StoresUnderTest> => {
    if (stores === undefined || dataDir === undefined) throw new Error('nothing was opened');
    await stores.close();
    stores = await openStores(dataDir, clock);
    return stores;
  };
  return { clock, open, reopen, close };
};
