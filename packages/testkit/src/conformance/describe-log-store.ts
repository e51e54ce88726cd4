import type { LogKey, LogStore } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { durableTest, type MakeHarness, useHarness } from './store-harness.ts';

const key: LogKey = { tenant: 'default', runId: 'run_1', step: 'build', attempt: 1 };
const bytesOf = (text: string) => new TextEncoder().encode(text);

const textOf = async (logs: LogStore, of: LogKey, offset = 0, limit = 1_000_000): Promise<string> =>
  new TextDecoder().decode((await logs.read(of, offset, limit)).bytes);

/** Conformance of the log store. */
export const describeLogStore = (name: string, make: MakeHarness): void => {
  describe(`${name}: log store`, () => {
    const harness = useHarness(make);

    test('keeps bytes in the order of the calls, and each read tells where to go on', async () => {
      const { logs } = await harness.open();
      for (let index = 0; index < 50; index += 1) logs.append(key, bytesOf(`${index},`));
      const whole = Array.from({ length: 50 }, (_, index) => `${index},`).join('');
      expect(await textOf(logs, key)).toBe(whole);
      const first = await logs.read(key, 0, 10);
      expect(first).toEqual({ bytes: bytesOf(whole.slice(0, 10)), next: 10 });
      logs.append(key, bytesOf('end'));
      const second = await logs.read(key, first.next, 100_000);
      expect(new TextDecoder().decode(second.bytes)).toBe(`${whole.slice(10)}end`);
      expect(await logs.read(key, second.next, 10)).toEqual({ bytes: new Uint8Array(), next: second.next });
    });

    test('bytes are taken as they are, also in the middle of a character', async () => {
      const { logs } = await harness.open();
      const bytes = bytesOf('ü😀');
      logs.append(key, bytes.slice(0, 3));
      logs.append(key, bytes.slice(3));
      logs.append(key, new Uint8Array([0, 255]));
      expect((await logs.read(key, 0, 100)).bytes).toEqual(new Uint8Array([...bytes, 0, 255]));
    });

    test('keeps each attempt, step, item, run and tenant apart', async () => {
      const { logs } = await harness.open();
      const keys: LogKey[] = [
        key,
        { ...key, attempt: 2 },
        { ...key, attempt: 10 },
        { ...key, step: 'build[3]' },
        { ...key, step: 'build.1' },
        { ...key, step: 'Build' },
        { ...key, runId: 'run_2' },
        { ...key, tenant: 'other' },
      ];
      for (const [index, of] of keys.entries()) logs.append(of, bytesOf(`log ${index}`));
      for (const [index, of] of keys.entries()) expect(await textOf(logs, of)).toBe(`log ${index}`);
      expect(await logs.attempts('default', 'run_1', 'build')).toEqual([1, 2, 10]);
      expect(await logs.attempts('default', 'run_1', 'build.1')).toEqual([1]);
      expect(await logs.attempts('default', 'run_1', 'build[3]')).toEqual([1]);
      expect(await logs.attempts('default', 'run_1', 'none')).toEqual([]);
    });

    test('an unknown log is empty', async () => {
      const { logs } = await harness.open();
      expect(await logs.read({ ...key, runId: 'run_none' }, 5, 10)).toEqual({ bytes: new Uint8Array(), next: 5 });
    });

    test('cuts a log at 8 MiB with one marker line', async () => {
      const { logs } = await harness.open();
      const chunk = new Uint8Array(1_000_000).fill(97);
      for (let index = 0; index < 12; index += 1) logs.append(key, chunk);
      const limit = 8 * 1024 * 1024;
      const tail = await textOf(logs, key, limit);
      expect(tail).toMatch(/^\n\[.*8388608.*\]\n$/);
      expect(await textOf(logs, key, limit - 3, 3)).toBe('aaa');
      logs.append(key, chunk);
      expect(await textOf(logs, key, limit)).toBe(tail);
    });

    test.each(['../../escape', '..', 'a/b', 'CON\u0000', 'x'.repeat(300)])(
      'no name leads out of the store: %j',
      async (wild) => {
        const { logs } = await harness.open();
        for (const of of [
          { ...key, runId: wild },
          { ...key, tenant: wild },
          { ...key, step: wild },
        ]) {
          expect(() => logs.append(of, bytesOf('x'))).not.toThrow();
          await logs.flush();
          await logs.read(of, 0, 1);
        }
        logs.append(key, bytesOf('well'));
        expect(await textOf(logs, key)).toBe('well');
      },
    );

    durableTest(harness, 'a flushed log survives a restart and goes on', async (reopen) => {
      const { logs } = await harness.open();
      logs.append(key, bytesOf('before '));
      await logs.flush();
      const again = (await reopen()).logs;
      again.append(key, bytesOf('after'));
      expect(await textOf(again, key)).toBe('before after');
      expect(await again.attempts('default', 'run_1', 'build')).toEqual([1]);
    });
  });
};
