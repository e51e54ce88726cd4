import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { laterDagFields } from './later-words.ts';
import { parseDag } from './parse-dag.ts';

const page = readFileSync(new URL('../../../../docs/dags.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```yaml\n# example: (.+)\n([\s\S]*?)^```$/gm)].map(
  ([, title = '', text = '']) => [title, text] as const,
);
const blocks = page.match(/^```yaml$/gm) ?? [];

describe('the page about DAGs', () => {
  test('every YAML block of it is an example with a title', () => {
    expect(examples.length).toBe(blocks.length);
    expect(examples.length).toBeGreaterThan(8);
  });

  test.each(examples)('its example "%s" is a valid DAG', (_title, text) => {
    const read = parseDag(text, 'docs/dags.md');
    expect(read.ok ? '' : renderProblems(read.error)).toBe('');
  });

  test('the words that it calls not supported yet are known as such', () => {
    for (const word of ['queue', 'priority', 'overlap_policy', 'catchup_window', 'dotenv', 'preconditions']) {
      expect(laterDagFields).toContain(word);
    }
  });
});
