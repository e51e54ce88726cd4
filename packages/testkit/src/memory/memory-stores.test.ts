import { describeStores } from '../conformance/describe-stores.ts';
import { FakeClock } from '../fake-clock.ts';
import { createNodeHasher } from '../node-hasher.ts';
import { createMemoryStores } from './memory-stores.ts';

describeStores('memory', () => {
  const clock = new FakeClock();
  return { clock, open: async () => createMemoryStores({ clock, hasher: createNodeHasher() }), close: async () => {} };
});
