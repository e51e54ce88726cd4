import { expect, test } from 'vitest';
import { createLeaseWatch, leaseWatchMemory } from './lease-watch.ts';

test('holds as long as it was extended last, as every thread sees it', async () => {
  const memory = leaseWatchMemory();
  const [writer, reader] = [createLeaseWatch(memory), createLeaseWatch(memory)];
  expect(reader.holds()).toBe(false);
  writer.extend(60_000);
  expect(reader.holds()).toBe(true);
  writer.extend(0);
  expect(reader.holds()).toBe(false);
  writer.extend(5);
  await expect.poll(() => reader.holds(), { interval: 1 }).toBe(false);
});
