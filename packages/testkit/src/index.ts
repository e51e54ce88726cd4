export { FakeClock } from './fake-clock.ts';
export type { LoggedLine } from './memory-log.ts';
export { createMemoryLog } from './memory-log.ts';
export { createNodeHasher } from './node-hasher.ts';
export { createSeededRandom } from './seeded-random.ts';
export { createSequenceIds } from './sequence-ids.ts';
