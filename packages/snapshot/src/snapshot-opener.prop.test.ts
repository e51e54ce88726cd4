import type { Digest } from '@skein/domain';
import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasher, type LoosePart, limits, type Sealed, seal } from '../test/sealed.ts';
import { maxAttachedPartBytes, missingPartsBySize } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { encodePartMember } from './part-member.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

const soul = (id: string, length: number): LoosePart => ({
  kind: 'soul',
  name: id,
  bytes: encodePart('soul', { id, name: '', description: '', content: id.repeat(length) }),
});
const pool = [
  ...['a', 'b', 'c'].map((id) => soul(id, 500)),
  ...['L', 'M', 'N'].map((id) => soul(id, maxAttachedPartBytes + 1)),
];
const contents = [
  [0, 3],
  [1, 3, 4],
  [0, 1, 2],
  [2, 4, 5],
].map((picks) => seal(picks.map((pick) => pool[pick] as LoosePart)));
const members = new Map<Digest, Uint8Array>(pool.map(({ bytes }) => [hasher.digest(bytes), encodePartMember(bytes)]));

const openings = fc.array(
  fc.record({
    content: fc.nat(contents.length - 1),
    attaches: fc.boolean(),
    fails: fc.constantFrom('never', 'never', 'envelope', 'part', 'damaged'),
  }),
  { minLength: 1, maxLength: 10 },
);

test('any interleaving of openings, transfers, failures and evictions opens exactly what can be opened', async () => {
  await fc.assert(
    fc.asyncProperty(
      openings,
      fc.constantFrom(0, 2_000, 70_000, 140_000, 1_000_000),
      fc.scheduler(),
      async (tasks, maxCacheBytes, scheduler) => {
        const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes });
        const running = new Map<Digest, number>();
        let together = 0;
        const opened = tasks.map(async ({ content, attaches, fails }, index) => {
          const sealed = contents[content] as Sealed;
          const { digest, manifest } = sealed;
          const small = (held: readonly Digest[]) =>
            sealed.envelope(missingPartsBySize(manifest, held).small.map((part) => part.digest));
          await scheduler.schedule(Promise.resolve(), `task ${index} begins`);
          const attachment = attaches ? { digest, envelope: small([]) } : { digest };
          const stores = await opener.open(attachment, {
            fetchEnvelope: async (held) => {
              await scheduler.schedule(Promise.resolve(), `task ${index} gets an envelope`);
              if (fails === 'envelope') throw new Error(`task ${index}`);
              return small(held);
            },
            fetchPart: async (part) => {
              running.set(part, (running.get(part) ?? 0) + 1);
              together = Math.max(together, running.get(part) as number);
              await scheduler.schedule(Promise.resolve(), `task ${index} gets a part`).finally(() => {
                running.set(part, (running.get(part) as number) - 1);
              });
              if (fails === 'part') throw new Error(`task ${index}`);
              const member = members.get(part) as Uint8Array;
              return fails === 'damaged' ? member.subarray(0, member.length - 1) : member;
            },
          });
          expect(stores.digest).toBe(digest);
          for (const { digest: part, name } of manifest.parts) expect(stores.soul(part).content[0]).toBe(name);
        });
        const settled = Promise.allSettled(opened);
        await scheduler.waitFor(settled);
        const ends = await settled;
        ends.forEach((end, index) => {
          if (end.status === 'fulfilled') return;
          const task = tasks[index] as (typeof tasks)[number];
          expect(task.fails).not.toBe('never');
          // Each fails by its own fault only.
          if (task.fails === 'damaged') expect(end.reason).toMatchObject({ details: { reason: 'truncated' } });
          else expect(end.reason).toEqual(new Error(`task ${index}`));
        });
        expect(together).toBeLessThanOrEqual(1);
        const sizes = new Map<Digest, number>(
          contents.flatMap(({ digest, manifest, parts }) => [
            [digest, JSON.stringify(manifest).length] as const,
            ...[...parts].map(([part, bytes]) => [part, bytes.length] as const),
          ]),
        );
        const held = opener.held();
        expect(held.reduce((sum, digest) => sum + (sizes.get(digest) as number), 0)).toBeLessThanOrEqual(maxCacheBytes);
        for (const sealed of contents) {
          if (held.includes(sealed.digest)) expect(held).toEqual(expect.arrayContaining([...sealed.parts.keys()]));
        }
      },
    ),
    { numRuns: propertyRuns(50) },
  );
}, 60_000);
