import type { ProjectFile } from '@skein/ports';
import { createNodeHasher, propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { createProjectReader } from './create-project-reader.ts';

// Patient, because other tests share the machine.
vi.setConfig({ testTimeout: 30_000 });

const reader = createProjectReader({ hasher: createNodeHasher() });
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const path = fc.constantFrom(
  'skein.yaml',
  'dags/a.yaml',
  'agents/a/agent.yaml',
  'agents/b/agent.yaml',
  'agents/b/INSTRUCTIONS.md',
  'agents/a/INSTRUCTIONS.md',
  'agents/__proto__/agent.yaml',
  'models/m.yaml',
  'models/default.yaml',
  'skills/s/SKILL.md',
  'skills/s/scripts/run.sh',
  'skills/constructor/SKILL.md',
  'souls/s/SOUL.md',
  'memory/MEMORY.md',
  'memory/dags/a.md',
  'memory/agents/__proto__.md',
  'other.txt',
);
const key = fc.constantFrom(
  'provider',
  'model',
  'base_url',
  'secret',
  'prices',
  'parameters',
  'name',
  'description',
  'metadata',
  'license',
  'soul',
  'skills',
  'tools',
  'limits',
  'output_schema',
  'mcp',
  'sub_agents',
  'command',
  'url',
  'env',
  'headers',
  'allowed-tools',
  'memory',
  'default_model',
);
const word = fc.constantFrom(
  'auto',
  'offline',
  'openai',
  'm',
  's',
  'a',
  'b',
  'read',
  'bash',
  'delegate',
  'https://h',
  'text: with colon',
);
const server = fc.dictionary(key, fc.oneof(word, fc.dictionary(key, word, { maxKeys: 2 })), { maxKeys: 3 });
const value = fc.oneof(
  word,
  fc.array(word, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('s', 'x y', 'allow'), server, { maxKeys: 2 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const yaml = fc.dictionary(key, value, { maxKeys: 5 }).map((fields) => stringify(fields));
const content = fc.oneof(
  yaml.map(encode),
  yaml.map((text) => encode(`---\n${text}---\nbody\n`)),
  fc.string({ unit: 'binary', maxLength: 60 }).map(encode),
  fc.uint8Array({ maxLength: 30 }),
);
const files: fc.Arbitrary<readonly ProjectFile[]> = fc.uniqueArray(
  fc.record({ path, mode: fc.nat(0o777), bytes: content }),
  {
    selector: (file) => file.path,
    maxLength: 10,
  },
);

test('no tree makes the reader throw, and a refusal names its files', () => {
  fc.assert(
    fc.property(files, (tree) => {
      const read = reader.read(tree, { provider: 'offline', model: 'rules-1' });
      if (read.ok) return;
      expect(read.error.length).toBeGreaterThan(0);
      for (const problem of read.error) expect(problem.file).toBeTruthy();
    }),
    { numRuns: propertyRuns(100) },
  );
});
